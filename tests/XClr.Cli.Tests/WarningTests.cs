using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using XClr.Data;

namespace XClr.Cli.Tests;

/// <summary>What a run tells of trouble that does not end it: once while it runs, and in its results.</summary>
public sealed class WarningTests : IDisposable
{
    private readonly TempFolder folder = new();

    public void Dispose() => folder.Dispose();

    private string Run => folder.File("run");

    private ProgramResult Train(string[] data, params string[] more) =>
        CliProcess.Run(CliProcess.Program, ["train", .. data, .. TinySet.Network, "--run-dir", Run, "--log-every", "1", .. more.Contains("--steps") ? more : [.. more, "--steps", "4"]], environment: Environment).Expect(0);

    private Dictionary<string, string?> Environment => new() { ["XCLR_CACHE"] = folder.File("cache") };

    /// <summary>Four images with captions that differ.</summary>
    private string WriteTable(string firstCaption)
    {
        foreach (var name in "abcd")
        {
            folder.WritePng($"{name}.png", 8, p => (byte)(p * name));
        }
        return folder.File("captions.tsv", $"path\tcaption\na.png\t{firstCaption}\nb.png\ttwo cats\nc.png\tthree birds\nd.png\ta red house\n");
    }

    private static void RequireWarningOnce(ProgramResult result, string text)
    {
        Assert.Single(Regex.Matches(result.Errors, "warning: .*" + Regex.Escape(text)));
        Assert.Single(result.Json.GetProperty("warnings").EnumerateArray(), w => w.GetString()!.Contains(text, StringComparison.Ordinal));
    }

    [Fact]
    public void A_list_of_skipped_samples_that_cannot_be_written_is_a_warning()
    {
        Directory.CreateDirectory(Path.Combine(Run, "skipped.jsonl"));
        var result = Train(TinySet.Write(folder), "--json");
        RequireWarningOnce(result, $"The list of skipped samples '{Path.Combine(Run, "skipped.jsonl")}' is not written any further");
        Assert.Equal(4, result.Json.GetProperty("step").GetInt64());
    }

    [Fact]
    public void A_caption_store_that_cannot_be_written_is_a_warning()
    {
        var data = TinySet.Write(folder);
        Train(data);
        Directory.Delete(Run, recursive: true);
        var store = Directory.GetFiles(folder.File("cache"), "*.xemb", SearchOption.AllDirectories).Single();
        File.Delete(store + ".lock");
        Directory.CreateDirectory(store + ".lock");
        Assert.DoesNotContain("warning", Train(data).Errors);
        Directory.Delete(Run, recursive: true);
        folder.File("classes.txt", "an unseen cellar\na new sky\n");
        RequireWarningOnce(Train(data, "--json"), $"{store}: 2 embeddings could not be added");
    }

    [Fact]
    public void Images_that_are_reduced_to_fit_their_slot_are_reported()
    {
        var images = folder.File("images");
        foreach (var (side, i) in new[] { 8, 8, 8, 64, 8, 64 }.Select((s, i) => (s, i)))
        {
            folder.WritePng($"images/class{i % 2}/{i}.png", side, p => (byte)(p * i));
        }
        string[] data = ["--data", images, "--loss", "simclr", "--batch-size", "6"];
        var result = CliProcess.Run(["train", .. data, .. TinySet.Network.Where(w => w is not ("--batch-size" or "4")), "--run-dir", Run, "--steps", "2", "--log-every", "1", "--json"]).Expect(0);
        RequireWarningOnce(result, "images of more than 1024 pixels (such as 32 x 32) are reduced");
        var reduced = JsonLines.Read(Path.Combine(Run, "metrics.jsonl")).Select(l => l.GetProperty("reduced").GetInt64());
        Assert.Equal([2, 4], reduced);
        // Whole images have room: fewer of them at a time.
        Assert.DoesNotContain("reduced", CliProcess.Run("embed-images", "--checkpoint", Run, "--data", images, "--out", folder.File("e.safetensors")).Expect(0).Errors);
    }

    [Fact]
    public void Clip_tells_what_share_of_the_captions_repeats()
    {
        RequireWarningOnce(Train(TinySet.Write(folder), "--loss", "clip", "--json"), "of the first batch's samples share their caption with another one (warned of above 10 %)");
        Directory.Delete(Run, recursive: true);
        var different = Train(["--data", WriteTable("one dog")], "--loss", "clip", "--json");
        Assert.Contains("repeated captions: 0.0 %", different.Errors);
        Assert.DoesNotContain("share their caption", different.Errors);
    }

    [Fact]
    public void Captions_that_are_not_UTF8_are_counted_and_warned_of()
    {
        var table = WriteTable("a caf\u00E9 by a lake");
        string[] inspect = ["inspect", table, "--json"];
        Assert.Equal(0, CliProcess.Run(inspect).Expect(0).Json.GetProperty("damagedCaptions").GetInt64());
        File.WriteAllText(table, File.ReadAllText(table), Encoding.Latin1);
        Assert.Equal(1, CliProcess.Run(inspect).Expect(0).Json.GetProperty("damagedCaptions").GetInt64());
        RequireWarningOnce(Train(["--data", table], "--json"), "captions with U+FFFD, which bytes that are not UTF-8 are read as");
        var counted = JsonLines.Read(Path.Combine(Run, "metrics.jsonl")).Select(l => l.GetProperty("damaged_captions").GetInt64());
        Assert.Equal([1, 2, 3, 4], counted);
        Directory.Delete(Run, recursive: true);
        Assert.DoesNotContain("UTF-8", Train(["--data", table], "--loss", "simclr").Errors);
    }

    [Fact]
    public void The_closing_table_shows_the_evaluation_before_training_where_there_was_one()
    {
        var data = TinySet.Write(folder);
        Assert.Matches("held-out images +before +after *\n", Train(data, "--val-data", folder.Path).Output);
        Assert.Matches("held-out images +after training *\n", Train(data, "--val-data", folder.Path, "--steps", "6", "--resume", "auto").Output);
    }
}

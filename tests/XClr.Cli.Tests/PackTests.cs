using XClr.Text;

namespace XClr.Cli.Tests;

/// <summary>What `pack` leaves beside the shards, and who reads it.</summary>
public sealed class PackTests : IDisposable
{
    private readonly TempFolder folder = new();

    public void Dispose() => folder.Dispose();

    private ProgramResult RunWithCache(string cache, params string[] args) =>
        CliProcess.Run(CliProcess.Program, args, environment: new Dictionary<string, string?> { ["XCLR_CACHE"] = folder.File(cache) });

    private ProgramResult Train(string run, params string[] more) =>
        RunWithCache("other", ["train", "--data", folder.File("shards"), .. TinySet.Network, "--steps", "2", "--run-dir", folder.File(run), .. more]).Expect(0);

    private static List<long> StoredCaptions(string path) => [.. Directory.GetFiles(path, "*.xemb").Select(f =>
    {
        using var store = EmbeddingStore.Open(f);
        return store.Count;
    })];

    [Fact]
    public void Embeddings_travel_with_the_shards_and_those_of_another_encoder_are_said()
    {
        var data = TinySet.Write(folder);
        string[] pack = ["pack", folder.Path, .. data[2..], "--out", folder.File("shards"), "--text-encoder", CaptionEmbedder.Default, "--json"];
        Assert.Equal(32, RunWithCache("packing", pack).Expect(0).Json.GetProperty("captionsEmbedded").GetInt32());
        // Two classes, two captions; packed again, none is added.
        RunWithCache("packing", pack).Expect(0);
        Assert.Equal([2], StoredCaptions(folder.File("shards")));
        Assert.DoesNotContain("another encoder", Train("run", "--val-data", folder.File("shards")).Errors);
        // Nor does anything else that needs captions embed what lies beside the shards.
        RunWithCache("other", "eval", "--checkpoint", folder.File("run"), "--val-data", folder.File("shards"), "--protocol", "fidelity").Expect(0);
        RunWithCache("other", ["profile", "--data", folder.File("shards"), .. TinySet.Network[..^4], "--steps", "2"]).Expect(0);
        RunWithCache("other", "report", folder.File("run"), "--out", folder.File("report.html"), "--images", "8").Expect(0);
        Assert.Equal([0], StoredCaptions(folder.File("other/embeddings")));

        var other = folder.Copy(Path.Combine(AppContext.BaseDirectory, "Models", "static-minilm-128"), "encoder");
        File.AppendAllText(Path.Combine(other, "config.json"), "\n");
        Assert.Contains("holds embeddings of another encoder", Train("run2", "--text-encoder", other).Errors);
        Assert.Equal([0, 2], StoredCaptions(folder.File("other/embeddings")).Order());
        Assert.False(Inspect(CaptionEmbedder.Default));
        Assert.True(Inspect(other));
    }

    [Fact]
    public void An_outage_is_no_success()
    {
        // Nothing listens on port 1.
        var table = folder.File("list.tsv", "a dog\thttp://127.0.0.1:1/1.jpg\na cat\thttp://127.0.0.1:1/2.jpg\n");
        string[] pack = ["pack", "--from-urls", table, "--out", folder.File("fetched"), "--retries", "0", "--json"];
        var first = CliProcess.Run(pack).Expect(3);
        Assert.Contains("2 rows failed as unreachable or timeout, as in a network outage: the same command with --retry-failed fetches them again.", first.Errors);
        Assert.Contains("none of 2 rows could be packed: 2 unreachable; a line for each in *_failed.jsonl.", first.Errors);
        Assert.Equal(1, CliProcess.Run(pack).Expect(3).Json.GetProperty("resumed").GetInt32());
        Assert.Equal(0, CliProcess.Run([.. pack, "--retry-failed", "--text-encoder", CaptionEmbedder.Default]).Expect(3).Json.GetProperty("resumed").GetInt32());
    }

    [Fact]
    public void Other_captions_or_classes_are_refused_as_another_quality_is()
    {
        var data = TinySet.Write(folder);
        ProgramResult Pack(params string[] more) => CliProcess.Run(["pack", folder.Path, "--out", folder.File("shards"), "--json", .. more]);
        Pack(data[2..]).Expect(0);
        var classes = File.ReadAllText(folder.File("shards/classes.txt"));
        Assert.Contains("caption-template was a photo of a {class} and is one {class}", Pack("--classes", data[3], "--caption-template", "one {class}").Expect(3).Errors);
        Assert.Contains("classes was 2 names", Pack("--classes", folder.File("others.txt", "night\nday\n"), "--caption-template", data[5]).Expect(3).Errors);
        Assert.Equal(classes, File.ReadAllText(folder.File("shards/classes.txt")));
        Assert.Equal(1, Pack([.. data[2..], "--data-format", "idx"]).Expect(0).Json.GetProperty("resumed").GetInt32());
    }

    [Fact]
    public void A_name_of_a_column_that_a_list_lacks_is_refused_before_anything_is_packed()
    {
        var list = folder.File("list.tsv", "a dog\thttp://127.0.0.1:1/1.jpg\t0.3\n");
        var refused = CliProcess.Run("pack", "--from-urls", list, "--columns", "url,caption", "--out", folder.File("out")).Expect(3).Errors;
        Assert.Contains($"'{list}' has 3 columns, not the 2 of url, caption: a dog\thttp://127.0.0.1:1/1.jpg\t0.3. --columns names all columns in the file's order", refused);
        Assert.Contains("none of the columns photo, alt, score is named url", CliProcess.Run("pack", "--from-urls", list, "--columns", "photo,alt,score", "--out", folder.File("out")).Expect(3).Errors);
        Assert.False(Directory.Exists(folder.File("out")));
    }

    [Fact]
    public void A_list_that_is_a_pipe_is_refused_with_its_name()
    {
        var result = CliProcess.Run("bash", ["-c", "exec \"$0\" pack --from-urls <(printf 'a dog\\thttp://127.0.0.1:1/1.jpg\\n') --out \"$1\"", CliProcess.Program, folder.File("piped")]).Expect(3);
        Assert.Matches("'/dev/fd/[0-9]+' is a pipe.*: write it to a file first", result.Errors);
        Assert.False(Directory.Exists(folder.File("piped")));
    }

    private bool Inspect(string encoder)
    {
        var embeddings = RunWithCache("third", "inspect", folder.File("shards"), "--text-encoder", encoder, "--json").Expect(0).Json.GetProperty("embeddings");
        Assert.Equal(1, embeddings.GetArrayLength());
        var stale = embeddings[0].GetProperty("stale").GetBoolean();
        Assert.Equal(stale ? null : 2, embeddings[0].TryGetProperty("captions", out var n) && n.ValueKind == System.Text.Json.JsonValueKind.Number ? n.GetInt32() : (int?)null);
        return stale;
    }
}

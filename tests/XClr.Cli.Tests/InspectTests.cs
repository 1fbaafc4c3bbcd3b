using System.Buffers.Binary;
using XClr.Nn;

namespace XClr.Cli.Tests;

public sealed class InspectTests : IDisposable
{
    private readonly TempFolder folder = new();

    public void Dispose() => folder.Dispose();

    /// <summary>Four grey images of 5 x 3 pixels (IDX: magic, sizes in big-endian, bytes) with labels 0, 1, 0, 1.</summary>
    private string IdxFolder()
    {
        Write("train-images-idx3-ubyte", [0x803, 4, 3, 5], [.. Enumerable.Range(0, 60).Select(i => (byte)i)]);
        Write("train-labels-idx1-ubyte", [0x801, 4], [0, 1, 0, 1]);
        return folder.Path;
    }

    private void Write(string name, int[] header, byte[] data)
    {
        var bytes = new byte[4 * header.Length + data.Length];
        for (var i = 0; i < header.Length; i++)
        {
            BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(4 * i), header[i]);
        }
        data.CopyTo(bytes, 4 * header.Length);
        File.WriteAllBytes(folder.File(name), bytes);
    }

    [Fact]
    public void A_data_set_is_counted_measured_and_shown()
    {
        var classes = folder.File("classes.txt", "cat\ndog\n");
        var json = CliProcess.Run("inspect", IdxFolder(), "--classes", classes, "--caption-template", "a {class}", "--first", "2", "--json").Expect(0).Json;
        Assert.Equal(4, json.GetProperty("good").GetInt64());
        Assert.Equal(5, json.GetProperty("width").GetProperty("median").GetInt32());
        Assert.Equal(3, json.GetProperty("height").GetProperty("max").GetInt32());
        Assert.Equal(0.5, json.GetProperty("repeatedCaptions").GetDouble());
        Assert.Equal((2, 2), (json.GetProperty("labels").GetInt32(), json.GetProperty("classes").GetInt32()));
        Assert.Equal(["a cat", "a dog"], json.GetProperty("firstSamples").EnumerateArray().Select(s => s.GetProperty("caption").GetString()));
    }

    [Fact]
    public void Figures_are_of_the_samples_that_have_what_they_count()
    {
        // Sides of 1, 2, 3, 4 and 9; the caption of two is one, and one has none; three have a label.
        foreach (var side in new[] { 1, 2, 3, 4, 9 })
        {
            Data.PngFile.Write(folder.File($"{side}.png"), new byte[3 * side * (side + 1)], side, side + 1);
        }
        var table = folder.File("set.csv", "path,caption,label\n9.png,a dog,dog\n1.png,a dog,dog\n2.png,a cat,cat\n4.png,a bird,\n3.png,,\n");
        var json = CliProcess.Run("inspect", table, "--json").Expect(0).Json;
        long Of(string name) => json.GetProperty(name).GetInt64();
        Assert.Equal((5, 5, 4, 3, 2), (Of("good"), Of("count"), Of("withCaption"), Of("withLabel"), Of("labels")));
        Assert.Equal(0.25, json.GetProperty("repeatedCaptions").GetDouble());
        Assert.Equal([1, 3, 9], new[] { "min", "median", "max" }.Select(n => json.GetProperty("width").GetProperty(n).GetInt32()));
        Assert.Equal(4, json.GetProperty("height").GetProperty("median").GetInt32());
    }

    [Fact]
    public void A_cache_size_that_is_no_number_is_refused() => Assert.Contains(
        "xclr: XCLR_SHARD_CACHE_GB is '20GB'; allowed: a number above 0",
        CliProcess.Run(CliProcess.Program, ["inspect", IdxFolder()], environment: new Dictionary<string, string?> { ["XCLR_SHARD_CACHE_GB"] = "20GB" }).Expect(3).Errors);

    [Fact]
    public void Bad_samples_are_counted_by_cause_and_a_limit_is_kept()
    {
        var table = folder.File("set.csv", "path,caption\ngone.jpg,a dog\nempty.png,a cat\nok.png,a bird\n");
        File.WriteAllBytes(folder.File("empty.png"), []);
        // A 1 x 1 PNG.
        File.WriteAllBytes(folder.File("ok.png"), Convert.FromBase64String("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="));
        var json = CliProcess.Run("inspect", table, "--json").Expect(0).Json;
        Assert.Equal(3, json.GetProperty("examined").GetInt64());
        Assert.Equal(1, json.GetProperty("good").GetInt64());
        Assert.Equal(["empty", "unreadable"], json.GetProperty("bad").EnumerateObject().Select(b => b.Name).Order());
        Assert.Equal([("gone.jpg", "unreadable"), ("empty.png", "empty")], json.GetProperty("badSamples").EnumerateArray().Select(b => (b.GetProperty("key").GetString(), b.GetProperty("cause").GetString())));
        var output = CliProcess.Run("inspect", table, "--first", "1").Expect(0).Output;
        Assert.Matches(@"gone\.jpg +set\.csv +unreadable", output);
        Assert.DoesNotMatch(@"empty\.png +set\.csv +empty", output);
        Assert.Contains("and 1 more bad samples", output);
        Assert.Contains("of which 2 were looked at", CliProcess.Run("inspect", IdxFolder(), "--limit", "2").Expect(0).Output);
    }

    [Fact]
    public void A_checkpoint_shows_names_and_shapes()
    {
        var path = folder.File("w.safetensors");
        SafetensorsWriter.Write(path, [SafetensorsEntry.Float32("conv1.weight", [2, 3], new float[6])], new Dictionary<string, string> { ["format"] = "pt" });
        Assert.Matches(@"conv1\.weight +F32 +\[2,3\]", CliProcess.Run("inspect", path).Expect(0).Output);
        var file = CliProcess.Run("inspect", path, "--json").Expect(0).Json.GetProperty("files")[0];
        Assert.Equal(6, file.GetProperty("elements").GetInt64());
        Assert.Equal("pt", file.GetProperty("metadata").GetProperty("format").GetString());
    }
}

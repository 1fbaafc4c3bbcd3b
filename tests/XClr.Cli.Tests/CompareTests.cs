using System.Text.Json;
using XClr.Train;

namespace XClr.Cli.Tests;

/// <summary>`compare` and `eval` with all their protocols, in two steps a cell.</summary>
public sealed class CompareTests : IDisposable
{
    private readonly TempFolder folder = new();

    public void Dispose() => folder.Dispose();

    private string[] Data()
    {
        var data = TinySet.Write(folder);
        return [.. data, "--val-data", folder.Path];
    }

    [Fact]
    public void Another_process_in_the_folder_is_refused_by_the_options_name()
    {
        using var other = RunFolder.Take(folder.File("out"), "--out");
        var refused = CliProcess.Run("compare", "--data", "d", "--val-data", "v", "--out", folder.File("out")).Expect(2);
        Assert.Contains($"--out {folder.File("out")}: another process", refused.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public void Cells_come_seed_by_seed_and_are_made_once()
    {
        string[] compare = ["compare", .. Data(), .. TinySet.Network, "--steps", "2", "--seeds", "2", "--out", folder.File("out"), "--json"];
        var first = CliProcess.Run(compare).Expect(0);
        string[] rows = ["untrained", "X-CLR", "SimCLR", "SupCon (labels)", "CLIP (frozen text tower)"];
        Assert.Equal(rows, first.Json.GetProperty("rows").EnumerateArray().Select(r => r.GetProperty("name").GetString()));
        var cells = first.Json.GetProperty("cells").EnumerateArray().Select(c => (c.GetProperty("row").GetString()!, c.GetProperty("seed").GetInt32())).ToList();
        Assert.Equal([.. rows.Select(r => (r, 0)), .. rows.Select(r => (r, 1))], cells);
        var knn = first.Json.GetProperty("rows")[1].GetProperty("values").GetProperty("knn_top1");
        Assert.Equal(2, knn.GetProperty("seeds").GetInt32());
        Assert.InRange(knn.GetProperty("mean").GetDouble(), 0, 1);
        foreach (var measure in new[] { "linear_top1", "zeroshot_top1", "image_to_text_r1", "fidelity" })
        {
            Assert.True(first.Json.GetProperty("rows")[4].GetProperty("values").TryGetProperty(measure, out _), measure);
        }
        Assert.Contains("X-CLR > SimCLR > untrained by k-NN", first.Json.GetProperty("findings")[0].GetString());

        // A cell that is missing is made again, the others are not; where its training has ended, only the measuring is.
        var trained = CellOf(first, "X-CLR", seed: 1);
        Assert.Equal((2, 16), (trained.GetProperty("steps").GetInt32(), trained.GetProperty("views").GetInt32()));
        foreach (var missing in new[] { "seed1-clip", "seed1-xclr" })
        {
            File.Delete(folder.File($"out/cells/{missing}.json"));
        }
        var again = CliProcess.Run(compare).Expect(0);
        Assert.Contains("cell seed1-clip", again.Errors);
        Assert.DoesNotContain("step 2/2", again.Errors);
        Assert.InRange(trained.GetProperty("targetOwnView").GetDouble(), 0, 1);
        Assert.Equal(trained.GetProperty("targetOwnView").GetDouble(), CellOf(again, "X-CLR", seed: 1).GetProperty("targetOwnView").GetDouble());
        Assert.Equal(first.Json.GetProperty("findings").ToString(), again.Json.GetProperty("findings").ToString());
        Assert.DoesNotContain("cell seed0", again.Errors);
        Assert.Equal(knn.GetProperty("mean").GetDouble(), again.Json.GetProperty("rows")[1].GetProperty("values").GetProperty("knn_top1").GetProperty("mean").GetDouble());
        Assert.Contains("steps 2 -> 3", CliProcess.Run([.. compare.Select(a => a == "2" && compare[Array.IndexOf(compare, a) - 1] == "--steps" ? "3" : a)]).Expect(2).Errors);
        Assert.Contains("protocol linear,knn,zeroshot,retrieval,fidelity -> knn", CliProcess.Run([.. compare, "--protocol", "knn"]).Expect(2).Errors);
        Assert.Contains("templates 'a photo of a {}' (1 of 1) -> 'the {}' (1 of 1)", CliProcess.Run([.. compare, "--templates", "the {}"]).Expect(2).Errors);
    }

    private static JsonElement CellOf(ProgramResult compare, string row, int seed) =>
        compare.Json.GetProperty("cells").EnumerateArray().Single(c => c.GetProperty("row").GetString() == row && c.GetProperty("seed").GetInt32() == seed);

    [Fact]
    public void Minutes_become_steps_once_and_the_same_for_all()
    {
        string[] compare = ["compare", .. Data(), .. TinySet.Network, "--minutes", "0.01", "--losses", "xclr,simclr", "--seeds", "1", "--protocol", "knn", "--out", folder.File("out"), "--json"];
        // A folder of the user's, which no trial may touch.
        var notes = Path.Combine(Directory.CreateDirectory(folder.File("out/trial")).FullName, "notes.txt");
        File.WriteAllText(notes, "text");
        var steps = CliProcess.Run(compare).Expect(0).Json.GetProperty("cells").EnumerateArray().Select(c => c.GetProperty("steps").GetInt64()).ToList();
        Assert.True(File.Exists(notes));
        Assert.Equal(["cells", "runs", "trial"], Directory.GetDirectories(folder.File("out")).Select(Path.GetFileName).Order());
        Assert.Equal(0, steps[0]);
        Assert.InRange(steps[1], 1, long.MaxValue);
        Assert.Equal(steps[1], steps[2]);
        Assert.Equal(steps, CliProcess.Run(compare).Expect(0).Json.GetProperty("cells").EnumerateArray().Select(c => c.GetProperty("steps").GetInt64()));
        Assert.Contains("says 0.01 minutes a cell", CliProcess.Run([.. compare.Select(a => a == "0.01" ? "0.02" : a)]).Expect(2).Errors);
        // A bare switch is read as one: it is refused for its optimiser.
        Assert.Contains("--nesterov needs --optimizer sgd", CliProcess.Run([.. compare, "--config", folder.File("c.json", """{ "momentum": 0 }"""), "--nesterov"]).Expect(2).Errors);
        // Two views of a batch of four a step.
        Assert.Equal([0, 5], CliProcess.Run(["compare", .. Data(), .. TinySet.Network, "--views", "43", "--losses", "simclr", "--seeds", "1", "--protocol", "knn", "--out", folder.File("views"), "--json"]).Expect(0).Json.GetProperty("cells").EnumerateArray().Select(c => c.GetProperty("steps").GetInt32()));
        Assert.Contains("--steps, --minutes: each says how long", CliProcess.Run([.. compare, "--steps", "2"]).Expect(2).Errors);
    }

    [Fact]
    public void A_cell_that_max_time_cuts_off_is_no_cell_and_goes_on()
    {
        string[] compare = ["compare", .. Data(), .. TinySet.Network, "--steps", "1000000", "--max-time", "5s", "--losses", "simclr", "--seeds", "1", "--protocol", "knn", "--out", folder.File("out"), "--json"];
        var first = CliProcess.Run(compare).Expect(130);
        Assert.Equal("untrained", Assert.Single(first.Json.GetProperty("cells").EnumerateArray()).GetProperty("row").GetString());
        Assert.Contains("stopped after 1 of 2 cells; the same command goes on", first.Errors);
        Assert.False(File.Exists(folder.File("out/cells/seed0-simclr.json")));
        Assert.Contains("resumed from", CliProcess.Run(compare).Expect(130).Errors);
    }

    [Fact]
    public void A_grid_has_a_row_for_each_rate_and_all_start_from_the_same_weights()
    {
        var (data, weights) = (Data(), Path.Combine(Repository.Root, "tests", "Golden", "data", "torch", "resnet18.pth"));
        string[] compare = ["compare", .. data, .. TinySet.Network, "--steps", "1", "--losses", "simclr", "--seeds", "1", "--init-weights", weights, "--protocol", "fidelity", "--out", folder.File("out"), "--json"];
        var rows = CliProcess.Run([.. compare, "--lr-grid", "0.01,0.02"]).Expect(0).Json.GetProperty("rows").EnumerateArray().ToList();
        Assert.Equal(["untrained", "SimCLR, lr 0.01", "SimCLR, lr 0.02"], rows.Select(r => r.GetProperty("name").GetString()));
        var start = CliProcess.Run(["eval", "--checkpoint", weights, "--stem", "small", "--image-size", "8", .. data, "--protocol", "fidelity", "--json"]).Expect(0).Json;
        Assert.Equal(start.GetProperty("results").GetProperty("fidelity").GetDouble(), rows[0].GetProperty("values").GetProperty("fidelity").GetProperty("mean").GetDouble(), 1e-9);
        foreach (var grid in new[] { "0.1,0.10", "1e400" })
        {
            Assert.Contains($"--lr-grid '{grid}'", CliProcess.Run([.. compare, "--lr-grid", grid]).Expect(2).Errors);
        }
    }

    [Fact]
    public void Every_protocol_measures_a_trained_network()
    {
        var data = Data();
        CliProcess.Run(["train", .. data, .. TinySet.Network, "--steps", "2", "--run-dir", folder.File("run")]).Expect(0);
        string[] eval = ["eval", "--checkpoint", folder.File("run"), .. data, "--json"];
        var all = CliProcess.Run([.. eval, "--protocol", "linear,linear-aug,knn,zeroshot,retrieval,fidelity", "--probe-epochs", "2", "--fraction", "0.25,1"]).Expect(0).Json;
        var results = all.GetProperty("results");
        // The held-out images are the training images, which a probe on 8 and more features tells apart by their brightness.
        foreach (var name in new[] { "linear_top1", "knn_top1", "knn_top1@0.25" })
        {
            Assert.InRange(results.GetProperty(name).GetDouble(), 0.9, 1);
        }
        foreach (var name in new[] { "linear_top1@0.25", "knn_top1", "knn_top1@0.25", "linear_aug_top1", "linear_aug_top1@0.25", "zeroshot_top1", "image_to_text_r1", "text_to_image_r10", "image_to_image_precision" })
        {
            Assert.InRange(results.GetProperty(name).GetDouble(), 0, 1);
        }
        Assert.InRange(results.GetProperty("fidelity").GetDouble(), -1, 1);
        Assert.NotEqual(results.GetProperty("fidelity").GetDouble(), results.GetProperty("fidelity_projections").GetDouble());
        var protocols = all.GetProperty("protocols").EnumerateArray().ToList();
        Assert.Equal(["knn", "linear", "knn", "linear", "zeroshot", "retrieval", "linear-aug", "linear-aug"], protocols.Select(p => p.GetProperty("protocol").GetString()));
        Assert.Equal(8, protocols[0].GetProperty("trainingImages").GetInt32());
        var probe = protocols[3].GetProperty("classification");
        Assert.Equal(32, probe.GetProperty("confusion").EnumerateArray().Sum(c => c.GetProperty("images").GetInt32()));
        Assert.Equal(["dark cellar", "bright sky"], probe.GetProperty("perClass").EnumerateArray().Select(c => c.GetProperty("name").GetString()));
        Assert.StartsWith("ridge map, lambda", protocols[4].GetProperty("map").GetString());

        // Equal accuracies, which a row must not be told by.
        var table = CliProcess.Run([.. eval.Where(a => a != "--json"), "--protocol", "linear", "--fraction", "0.75,1"]).Expect(0).Output;
        Assert.Matches(@"linear_top1@0\.75 +1 .* 24 training images", table);
        Assert.Matches(@"linear_top1 +1 .* 32 training images", table);

        Assert.Contains("needs --data", CliProcess.Run("eval", "--checkpoint", folder.File("run"), "--val-data", folder.Path, "--protocol", "linear").Expect(2).Errors);
        Assert.Contains("pass --data", CliProcess.Run("eval", "--checkpoint", folder.File("run"), "--val-data", folder.Path, "--classes", folder.File("classes.txt"), "--caption-template", "a {class}", "--protocol", "zeroshot").Expect(3).Errors);
        Assert.Contains("--fraction 2", CliProcess.Run([.. eval, "--fraction", "2"]).Expect(2).Errors);
    }
}

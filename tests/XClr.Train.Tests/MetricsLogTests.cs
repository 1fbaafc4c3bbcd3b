using System.Text.Json;

namespace XClr.Train.Tests;

public sealed class MetricsLogTests : IDisposable
{
    private readonly TempFolder folder = new();
    private readonly List<string> warnings = [];

    public void Dispose() => folder.Dispose();

    private string Log => folder.File("metrics.jsonl");

    private static StepMetrics Metrics(long step, double loss = 4.5) => new()
    {
        Step = step,
        TotalSteps = 100,
        Epoch = 1.25,
        Loss = loss,
        LearningRate = 0.06,
        GradNorm = 2,
        EmbeddingStd = 0.08,
        TargetEntropy = 3,
        ImagesPerSecond = 12.5,
        GpuMs = 80,
        DataWait = 0.01,
        Skipped = 2,
        Reduced = 1,
        DamagedCaptions = 0,
        Eta = TimeSpan.FromSeconds(5),
    };

    private long[] Steps() => [.. JsonLines.Read(Log).Select(l => l.GetProperty("step").GetInt64())];

    private void Write(long resumedAt, params long[] steps)
    {
        using var log = MetricsLog.Open(Log, resumedAt, warnings.Add);
        foreach (var step in steps)
        {
            log.Write(Metrics(step));
        }
    }

    [Fact]
    public void A_line_holds_the_keys_of_the_format_and_is_on_disk_at_once()
    {
        using var log = MetricsLog.Open(Log, 0, warnings.Add);
        log.Write(Metrics(10));
        string[] keys =
        [
            "step", "epoch", "loss", "lr", "grad_norm", "top1", "embedding_std", "target_entropy", "target_own_view", "images_per_s", "gpu_ms",
            "data_wait", "skipped", "reduced", "damaged_captions",
        ];
        using var stream = new FileStream(Log, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        var line = JsonDocument.Parse(new StreamReader(stream).ReadLine()!).RootElement;
        Assert.Equal(keys, line.EnumerateObject().Select(p => p.Name));
        Assert.Equal(1.25, line.GetProperty("epoch").GetDouble());
        Assert.Equal(JsonValueKind.Null, line.GetProperty("target_own_view").ValueKind);
    }

    [Fact]
    public void Numbers_that_are_none_are_null()
    {
        using (var log = MetricsLog.Open(Log, 0, warnings.Add))
        {
            log.Write(Metrics(1, double.NaN));
            log.Write(new EvalMetrics(1, new Dictionary<string, double> { ["knn_top1"] = 0.5, ["fidelity"] = double.PositiveInfinity }));
        }
        var lines = JsonLines.Read(Log);
        Assert.Equal(JsonValueKind.Null, lines[0].GetProperty("loss").ValueKind);
        Assert.Equal(0.5, lines[1].GetProperty("eval").GetProperty("knn_top1").GetDouble());
        Assert.Equal(JsonValueKind.Null, lines[1].GetProperty("eval").GetProperty("fidelity").ValueKind);
    }

    [Fact]
    public void A_resumed_run_drops_lines_after_its_checkpoint_and_a_torn_one()
    {
        Write(0, 10, 20, 30);
        File.AppendAllText(Log, "{\"step\": 40, \"lo");
        Write(20, 30, 40);
        Assert.Equal([10, 20, 30, 40], Steps());
        Assert.Empty(warnings);
    }

    [Fact]
    public void An_untouched_log_goes_on_byte_for_byte()
    {
        Write(0, 10, 20);
        var before = File.ReadAllText(Log);
        Write(20, 30);
        Assert.StartsWith(before, File.ReadAllText(Log));
        Assert.Equal([10, 20, 30], Steps());
    }

    /// <summary>/dev/full refuses every write with "no space left on device".</summary>
    [SkippableFact]
    public void A_full_disk_warns_once_and_never_throws()
    {
        Skip.IfNot(File.Exists("/dev/full"), "needs /dev/full");
        File.CreateSymbolicLink(Log, "/dev/full");
        using var log = MetricsLog.Open(Log, 0, warnings.Add);
        log.Write(Metrics(1));
        log.Write(Metrics(2));
        Assert.Contains("lines are being lost", Assert.Single(warnings));
    }

    [Theory]
    [InlineData("""{"step": "10"}""")]
    [InlineData("""{"step": null}""")]
    [InlineData("""{"step": [10]}""")]
    [InlineData("""{"\ud800": 1, "step": 1}""")]
    [InlineData("""{"step": 1e400}""")]
    [InlineData("7")]
    public void A_damaged_line_is_dropped(string line)
    {
        Write(0, 10);
        File.AppendAllText(Log, line + "\n");
        Write(20, 30);
        Assert.Equal([10, 30], Steps());
    }

    [Theory]
    [InlineData("""{"step": 1, "note": "\ud800"}""")]
    [InlineData("""{"\udc00": 1}""")]
    [InlineData("{\"step\": 40, \"lo")]
    [InlineData("[]")]
    public void A_page_gets_no_line_that_it_cannot_show(string line)
    {
        File.WriteAllText(Log, "{\"step\": 1}\n" + line + "\n{\"step\": 2}\n");
        Assert.Equal([1, 2], MetricsLog.Read(Log).Select(l => l.GetProperty("step").GetInt32()));
    }
}

namespace XClr.Cli.Tests;

/// <summary>The demo as users run it, whole: what it promises is what it must learn.</summary>
public sealed class DemoTests
{
    /// <summary>Thresholds: k-NN error at least a fifth lower, fidelity at least 0.15 higher. Three seeds are far beyond both (docs/results.md).</summary>
    [SkippableFact]
    public void The_demo_learns()
    {
        Skip.IfNot(Directory.Exists("/usr/share/datasets/fashion-mnist"), "dataset-fashion-mnist is not installed");
        using var folder = new TempFolder();
        var result = CliProcess.Start(CliProcess.Program, ["demo", "--json", "--run-dir", folder.File("run")]).Result(TimeSpan.FromMinutes(25)).Expect(0).Json;
        double Value(string when, string name) => result.GetProperty(when).GetProperty("values").GetProperty(name).GetDouble();
        Assert.True(1 - Value("after", "knn_top1") <= 0.8 * (1 - Value("before", "knn_top1")), result.ToString());
        Assert.True(Value("after", "fidelity") >= Value("before", "fidelity") + 0.15, result.ToString());
    }
}

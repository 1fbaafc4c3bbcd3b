using System.Diagnostics;

namespace XClr.Cli.Tests;

/// <summary>A verb that waits for a server which gives no answer ends at once where it is asked to.</summary>
public sealed class StopTests : IDisposable
{
    private readonly TempFolder folder = new();
    private readonly StallingServer server = new();

    public void Dispose()
    {
        server.Dispose();
        folder.Dispose();
    }

    private string Cache => folder.File("cache/shards");

    private RunningProgram Start(params string[] args) =>
        CliProcess.Start(CliProcess.Program, args, environment: new Dictionary<string, string?> { ["XCLR_CACHE"] = folder.File("cache") });

    // One shard that is there, and one that is waited for. Checkpoints: a bare file of weights.
    private string[] Arguments(string verb)
    {
        var (data, weights) = (server.Root + "/{0..1}.tar", Path.Combine(Repository.Root, "tests", "Golden", "data", "torch", "resnet18.pth"));
        string[] checkpoint = ["--checkpoint", weights, "--stem", "small", "--image-size", "8"];
        return verb switch
        {
            "inspect" or "pack" => [verb, data, .. verb == "pack" ? ["--out", folder.File("out"), "--workers", "1"] : Array.Empty<string>()],
            "embed-text" => [verb, "--captions", data, "--out", folder.File("out.safetensors")],
            "eval" => [verb, .. checkpoint, "--data", data, "--val-data", data],
            "embed-images" => [verb, .. checkpoint, "--data", data, "--out", folder.File("out.safetensors")],
            "compare" => [verb, "--data", data, "--val-data", data, .. TinySet.Network, "--steps", "1", "--out", folder.File("out")],
            _ => [verb, "--data", data, .. TinySet.Network, "--steps", "1", "--run-dir", folder.File("out")],
        };
    }

    [Theory]
    [InlineData("train")]
    [InlineData("inspect")]
    [InlineData("pack")]
    [InlineData("embed-text")]
    [InlineData("eval")]
    [InlineData("embed-images")]
    [InlineData("compare")]
    public void Waiting_for_a_server_ends_with_the_signal_and_what_is_whole_stays(string verb)
    {
        var running = Start(Arguments(verb));
        // The first shard is there, and with it all that would keep the verb busy but the waiting.
        Assert.True(SpinWait.SpinUntil(() => running.Process.HasExited || (server.IsWaitedFor && Directory.GetFiles(Cache, "*.shard").Length == 1), TimeSpan.FromMinutes(5)));
        Thread.Sleep(TimeSpan.FromSeconds(2));
        var clock = Stopwatch.StartNew();
        running.Terminate();
        var ended = running.Result(TimeSpan.FromMinutes(3)).Expect(130);
        // A server that says nothing is waited for for 30 s, five times.
        Assert.InRange(clock.Elapsed.TotalSeconds, 0, 25);
        Assert.Contains("stopping: ", ended.Errors);
        Assert.Single(Directory.GetFiles(Cache, "*.shard"));
        Assert.Empty(Directory.GetFiles(Cache, "*.part"));
    }

    [Fact]
    public void Counting_goes_on_where_it_was_stopped_and_tells_how_far_it_is()
    {
        var running = Start(Arguments("train"));
        Assert.True(running.Says($"counting '{server.Root}/{{0..1}}.tar': 1 of 2 shards, 8 samples"));
        running.Terminate();
        running.Result(TimeSpan.FromMinutes(3)).Expect(130);
        Assert.StartsWith("8\t", Assert.Single(File.ReadAllLines(Path.Combine(Cache, "counts.tsv"))));
        Assert.False(Directory.Exists(folder.File("out")));
    }

    [Fact]
    public void Max_time_ends_the_waiting_too()
    {
        var ended = Start([.. Arguments("train"), "--max-time", "3s"]).Result(TimeSpan.FromMinutes(3)).Expect(130);
        Assert.Contains("warning: --max-time was over before the data were open", ended.Errors);
    }
}

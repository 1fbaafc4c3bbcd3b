using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;
using XClr.Nn;

namespace XClr.Train.Tests;

/// <summary>--max-time: what it counts, and what it ends.</summary>
public sealed class MaxTimeTests : SmallRunTest
{
    [Fact]
    public void A_run_whose_time_is_over_is_saved_and_goes_on()
    {
        using var guard = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        var asked = config with { RunDir = folder.File("run"), ValData = null, Steps = 1_000_000, LogEvery = 1_000_000, SaveEvery = 1_000_000, MaxTime = TimeSpan.FromSeconds(5) };
        var outcome = Trainer.Run(asked, new RecordingReporter(), guard.Token);
        Assert.Equal(TrainStatus.TimeUp, outcome.Status);
        Assert.Null(outcome.After);
        Assert.Equal(outcome.Step, CheckpointState.Read(CheckpointPath.Resolve(asked.RunDir).State!).Step);
        var rest = Trainer.Run(asked with { Steps = outcome.Step + 2, MaxTime = TimeSpan.FromHours(10_000), Resume = "auto" }, new RecordingReporter(), guard.Token);
        Assert.Equal((TrainStatus.Completed, outcome.Step + 2), (rest.Status, rest.Step));
    }

    /// <summary>The time of what is opened beside the data, such as the device, does not count: a run that goes on again and again gets on.</summary>
    [Fact]
    public void A_time_limit_counts_but_for_its_pauses()
    {
        using var stop = new CancellationTokenSource();
        using var limit = new TimeLimit(TimeSpan.FromSeconds(3), stop.Token);
        limit.Pause();
        Thread.Sleep(TimeSpan.FromSeconds(4));
        Assert.False(limit.Token.IsCancellationRequested || limit.IsOver);
        limit.Continue();
        Assert.True(limit.Token.WaitHandle.WaitOne(TimeSpan.FromSeconds(30)));
        Assert.True(limit.IsOver);
        stop.Cancel();
        Assert.False(limit.IsOver);
        using var none = new TimeLimit(null, stop.Token);
        Assert.True(none.Token.IsCancellationRequested && !none.IsOver);
    }

    /// <summary>While the data are counted, and while the first batch is waited for.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Waiting_for_a_server_ends_with_the_time(bool counted)
    {
        using var server = new StallingServer();
        var cache = Environment.GetEnvironmentVariable("XCLR_CACHE");
        Environment.SetEnvironmentVariable("XCLR_CACHE", folder.File("cache"));
        try
        {
            if (counted)
            {
                var hashes = Enumerable.Range(0, 2).Select(i => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{server.Root}/{i}.tar")))[..32]);
                Directory.CreateDirectory(Path.Combine(folder, "cache", "shards"));
                File.WriteAllLines(Path.Combine(folder, "cache", "shards", "counts.tsv"), hashes.Select(h => $"8\t-\t{h}.shard"));
            }
            var reporter = new RecordingReporter();
            // A loss without captions, which would be read first.
            var asked = config with { RunDir = folder.File("run"), Data = server.Root + "/{0..1}.tar", ValData = null, Loss = LossKind.SimClr, Classes = null, CaptionTemplate = null, BatchSize = 4, MaxTime = TimeSpan.FromSeconds(5) };
            var clock = Stopwatch.StartNew();
            if (counted)
            {
                var outcome = Trainer.Run(asked, reporter, CancellationToken.None);
                Assert.Equal((TrainStatus.TimeUp, 0L), (outcome.Status, outcome.Step));
                Assert.NotNull(outcome.Checkpoint);
            }
            else
            {
                Assert.ThrowsAny<OperationCanceledException>(() => Trainer.Run(asked, reporter, CancellationToken.None));
                Assert.Contains("--max-time was over before the data were open", Assert.Single(reporter.Warnings), StringComparison.Ordinal);
                Assert.False(Directory.Exists(asked.RunDir));
            }
            // It would wait for 30 s, five times.
            Assert.InRange(clock.Elapsed.TotalSeconds, 0, 60);
        }
        finally
        {
            Environment.SetEnvironmentVariable("XCLR_CACHE", cache);
        }
    }
}

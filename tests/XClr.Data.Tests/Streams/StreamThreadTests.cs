namespace XClr.Data.Tests;

/// <summary>The threads of a stream: how far they read ahead, how they end, and what becomes of their errors.</summary>
public sealed class StreamThreadTests
{
    /// <summary>Also a reader that waits for a server is let go, and the consumer with it.</summary>
    [Fact]
    public void Stop_ends_the_waiting()
    {
        using var stop = new CancellationTokenSource();
        using var data = new WaitingDataset();
        using var stream = new SampleStream(data, new() { Workers = 1, Shuffle = false, Stop = stop.Token });
        stream.Next()!.Value.Dispose();
        stop.CancelAfter(50);
        Assert.Throws<OperationCanceledException>(() => stream.Next());
        stream.Dispose();
        Assert.Equal(0, stream.RunningThreads);
    }

    [Fact]
    public void A_consumer_that_stops_early_leaves_no_threads()
    {
        using var folder = new TempFolder();
        using var data = FaultySet.Dataset(folder);
        for (var i = 0; i < 20; i++)
        {
            var stream = new SampleStream(data, FaultySet.Options(3) with { Prefetch = 1 + i, EndEpoch = int.MaxValue, PrefetchBytes = 1000 });
            for (var k = 0; k < i; k++)
            {
                stream.Next()!.Value.Dispose();
            }
            Assert.Equal(4, stream.RunningThreads);
            stream.Dispose();
            Assert.Equal(0, stream.RunningThreads);
        }
    }

    [Fact]
    public void An_error_in_a_thread_reaches_the_consumer()
    {
        using var data = new FailingDataset();
        using var stream = new SampleStream(data, new() { Workers = 2, Shuffle = false });
        stream.Next()!.Value.Dispose();
        Assert.Equal("the reader broke", Assert.Throws<InvalidOperationException>(() => stream.Next()).Message);
    }

    [Fact]
    public void Reading_ahead_is_bounded_in_samples_and_bytes()
    {
        using var data = new CountingDataset(1000);
        using var stream = new SampleStream(data, new() { Workers = 2, Shuffle = false, Prefetch = 10 });
        stream.Next()!.Value.Dispose();
        AssertSettles(() => data.Given, 10, 13);

        using var large = new CountingDataset(1000);
        using var bytes = new SampleStream(large, new() { Workers = 2, Shuffle = false, Prefetch = 1000, PrefetchBytes = 16 * 12 * 3 * 20 });
        bytes.Next()!.Value.Dispose();
        // 20 decoded ones wait, and each worker holds one that it has read and not decoded.
        AssertSettles(() => large.Loaded, 15, 24);
        // What was taken makes room for others.
        for (var i = 0; i < 100; i++)
        {
            bytes.Next()!.Value.Dispose();
        }
        AssertSettles(() => large.Loaded, 115, 124);
    }

    // It gets as far as the lower bound, however slow the machine, and stays within the upper one.
    private static void AssertSettles(Func<int> count, int least, int most)
    {
        Assert.True(SpinWait.SpinUntil(() => count() >= least, TimeSpan.FromMinutes(1)), $"{count()} after a minute, expected {least}");
        Thread.Sleep(200);
        Assert.InRange(count(), least, most);
    }
}

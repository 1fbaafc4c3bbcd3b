using System.Diagnostics;
using Xunit;
using Xunit.Abstractions;

namespace XClr.Text.Tests;

/// <summary>The store and the tokenizer with many captions: XCLR_SCALE_CAPTIONS, 50,000 unless set. Speeds are told, not judged.</summary>
public class ScaleTests(ITestOutputHelper output)
{
    private const int Batch = 500_000;
    private const int Dimension = 8;

    private static int Captions { get; } = int.TryParse(Environment.GetEnvironmentVariable("XCLR_SCALE_CAPTIONS"), out var given) ? given : 50_000;

    [Fact]
    public void ALargeStoreOpensWithoutBeingRead_AndLookUpsParseNothing()
    {
        using var folder = new TempFolder();
        var path = Path.Combine(folder.Path, "large.xemb");
        using (var store = EmbeddingStore.OpenOrCreate(path, Dimension, EmbeddingType.Float32, new('5', 64)))
        {
            for (var first = 0; first < Captions; first += Batch)
            {
                var captions = Enumerable.Range(first, Math.Min(Batch, Captions - first)).Select(i => $"caption {i}").ToArray();
                store.Append(captions, Rows(first, captions.Length));
            }
        }
        var times = new List<double>();
        for (var i = 0; i < 9; i++)
        {
            var clock = Stopwatch.StartNew();
            using var opened = EmbeddingStore.Open(path);
            times.Add(clock.Elapsed.TotalMilliseconds);
            Assert.Equal(Captions, opened.Count);
        }
        using var read = EmbeddingStore.Open(path);
        var (random, row) = (new Random(1), new float[Dimension]);
        var asked = Enumerable.Range(0, 2000).Select(_ => random.Next(Captions)).Select(i => (Index: i, Text: $"caption {i}")).ToArray();
        Assert.True(read.TryGet(asked[0].Text, row));
        var lookUps = Stopwatch.StartNew();
        var before = GC.GetAllocatedBytesForCurrentThread();
        var found = 0;
        foreach (var (index, text) in asked)
        {
            found += read.TryGet(text, row) && row[index % Dimension] == 1 ? 1 : 0;
        }
        var allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        lookUps.Stop();
        Assert.Equal(0, allocated);
        Assert.Equal(asked.Length, found);
        Assert.False(read.TryGet("another caption", row));
        times.Sort();
        output.WriteLine($"{Captions} records, {new FileInfo(path).Length >> 20} MiB: opened in {times[4]:0.00} ms ({times[0]:0.00} to {times[^1]:0.00}), {lookUps.Elapsed.TotalMicroseconds / asked.Length:0.0} us a look-up");
    }

    [Fact]
    public void ShortCaptionsAreTokenizedOnAllCores_AsOneByOne()
    {
        string[] words = ["dog", "cat", "skateboarder", "umbrella", "photograph", "running", "beside", "a", "the", "Zürich", "unbelievably", "red"];
        var random = new Random(2);
        var captions = Enumerable.Range(0, Captions).Select(i => string.Join(' ', Enumerable.Range(0, 8 + i % 5).Select(_ => words[random.Next(words.Length)])) + $" {i}").ToArray();
        using var embedder = CaptionEmbedder.Open(CaptionEmbedder.Default);
        var tokenizer = embedder.Tokenizer;
        var one = captions.Take(500).Select(c => tokenizer.Encode([c], 1)[0]).ToList();
        var (clock, processor) = (Stopwatch.StartNew(), Environment.CpuUsage.TotalTime);
        var ids = tokenizer.Encode(captions, 0);
        var (seconds, busy) = (clock.Elapsed.TotalSeconds, (Environment.CpuUsage.TotalTime - processor).TotalSeconds);
        Assert.Equal(one, ids.Take(500));
        output.WriteLine($"{Captions} captions of 9 to 13 words in {seconds:0.00} s of the clock and {busy:0.00} s of the processor: {60 * Captions / seconds / 1e6:0.00} and {60 * Captions / busy / 1e6:0.00} million a minute");
    }

    // Record i: 1 in column i % Dimension.
    private static float[] Rows(int first, int count)
    {
        var rows = new float[count * Dimension];
        for (var i = 0; i < count; i++)
        {
            rows[i * Dimension + (first + i) % Dimension] = 1;
        }
        return rows;
    }
}

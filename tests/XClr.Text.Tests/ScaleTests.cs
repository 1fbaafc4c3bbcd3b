using System.Diagnostics;
using Xunit.Abstractions;

namespace XClr.Text.Tests;

/// <summary>The store and the tokenizer with many captions: XCLR_SCALE_CAPTIONS, 50,000 unless set. Speeds are told, not judged.</summary>
public class ScaleTests(ITestOutputHelper output)
{
    private static int Captions { get; } = int.TryParse(Environment.GetEnvironmentVariable("XCLR_SCALE_CAPTIONS"), out var given) ? given : 50_000;

    [Fact]
    public void A_large_store_opens_without_being_read_and_look_ups_parse_nothing()
    {
        using var folder = new TempFolder();
        var path = folder.File("large.xemb");
        output.WriteLine(StoreScale.Fill(path, Captions, dimension: 8));
        using (var store = EmbeddingStore.Open(path))
        {
            Assert.Equal(Captions, store.Count);
            // What a look-up allocates, it does in every pass; on a loaded machine .NET itself once took 4.5 kB in one.
            Assert.Equal(0, Enumerable.Range(0, 5).Min(_ => StoreScale.LookUp(store, 2000).Allocated));
        }
        output.WriteLine(StoreScale.Probe(path, lookUps: 2000));
    }

    [Fact]
    public void Short_captions_are_tokenized_on_all_cores_as_one_by_one()
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
}

using System.Diagnostics;
using System.Runtime.InteropServices;
using CommandLine;
using XClr.Data;
using XClr.Nn;
using XClr.Text;

namespace XClr.Cli.Commands;

[Verb("embed-text", HelpText = "Embed captions with a frozen encoder: writes 'embeddings', float32 [N,D], in the order of the captions.")]
public sealed class EmbedTextCommand : DatasetCommand
{
    /// <summary>Captions held at a time between encoder and file; a stop is heeded between two of them.</summary>
    private const int Chunk = 256;

    [Option("text-encoder", Default = CaptionEmbedder.Default, HelpText = "A built-in encoder, or a sentence-transformer directory with an ONNX model [name or path].")]
    public string TextEncoder { get; set; } = CaptionEmbedder.Default;

    [Option("text-provider", Default = "cpu", HelpText = "Where the encoder runs: cpu, cuda, ... [name[:index]].")]
    public string TextProvider { get; set; } = "cpu";

    [Option("captions", Required = true, HelpText = "A .txt (a caption a line), a .jsonl (a string or {\"caption\": ...} a line), or a data set [path].")]
    public string Captions { get; set; } = "";

    [Option("out", Required = true, HelpText = "The .safetensors file to write; for a data set, keys go to a .keys.txt beside it [path].")]
    public string Out { get; set; } = "";

    /// <inheritdoc/>
    public override int Run()
    {
        RequireOutput("--out", Out, ("--captions", Captions));
        using var signals = new StopSignals(Console.Error.WriteLine, "nothing is written, the captions embedded so far are kept in the cache");
        var time = Stopwatch.StartNew();
        var (captions, keys, left) = ReadCaptions(signals.Token);
        using var cache = CaptionCache.Open(TextEncoder, new EmbedderOptions { Provider = TextProvider });
        cache.Store.Reserve(captions.Count);
        var (d, zero) = (cache.Dimension, 0L);
        var metadata = new Dictionary<string, string> { ["encoder"] = TextEncoder, ["fingerprint"] = cache.Embedder.Fingerprint };
        SafetensorsWriter.Write(Out, [new("embeddings", SafetensorsDType.F32, [captions.Count, d], s => zero = Write(s, cache, captions, signals.Token))], metadata);
        Train.KeysFile.Write(Out, keys);
        if (cache.StoreFailure is { } failure)
        {
            Output.Warn(failure);
        }
        if (Json)
        {
            Output.Json(new { file = Path.GetFullPath(Out), captions = captions.Count, dimension = d, withoutCaption = left, zero, embedded = cache.Embedded, seconds = time.Elapsed.TotalSeconds });
        }
        else
        {
            Console.Out.WriteLine($"{Out}: embeddings [{captions.Count},{d}] in {time.Elapsed.TotalSeconds:F1} s{(left > 0 ? $"; {left} samples have no caption and no row" : "")}{(zero > 0 ? $"; {zero} rows are zero: those captions have no word that the encoder knows" : "")}");
        }
        return Train.ExitCode.Success;
    }

    // Keys: of the samples of a data set.
    private (IReadOnlyList<string> Captions, IReadOnlyList<string> Keys, long Left) ReadCaptions(CancellationToken stop)
    {
        if (CaptionFile.Is(Captions))
        {
            RequireUnused("of data sets, and --captions names a file of captions.", [("--data-format", ParseFormat() != Train.DataFormat.Auto), ("--classes", Classes is not null), ("--caption-template", CaptionTemplate is not null)]);
            var lines = CaptionFile.Read(Captions);
            return lines.Any(l => l.Length > 0) ? (lines, [], 0) : throw new DataException($"'{Captions}' has no captions.");
        }
        using var dataset = OpenDataset(Captions, stop);
        var (found, keys) = (new List<string>(), new List<string>());
        long left = 0;
        foreach (var sample in dataset.Read(ReadOrder.Sequential))
        {
            stop.ThrowIfCancellationRequested();
            if (sample.Caption is { } caption)
            {
                found.Add(caption);
                keys.Add(sample.Key);
            }
            else
            {
                left++;
            }
        }
        return found.Count > 0
            ? (found, keys, left)
            : throw new DataException($"'{Captions}' has no captions ({left} samples without); for a labelled set pass --caption-template, such as 'a photo of a {{class}}'.");
    }

    // Returns the number of rows that are zero.
    private static long Write(Stream stream, CaptionCache cache, IReadOnlyList<string> captions, CancellationToken stop)
    {
        var (progress, done, zero) = (new ProgressLine("captions"), 0L, 0L);
        foreach (var chunk in captions.Chunk(Chunk))
        {
            stop.ThrowIfCancellationRequested();
            var rows = new float[chunk.Length * cache.Dimension];
            cache.Embed(chunk, rows);
            zero += Enumerable.Range(0, chunk.Length).Count(i => !rows.AsSpan(i * cache.Dimension, cache.Dimension).ContainsAnyExcept(0f));
            stream.Write(MemoryMarshal.AsBytes(rows.AsSpan()));
            done += chunk.Length;
            progress.Report(done, captions.Count, done, $"  {cache.Reused} known");
        }
        stop.ThrowIfCancellationRequested();
        return zero;
    }
}

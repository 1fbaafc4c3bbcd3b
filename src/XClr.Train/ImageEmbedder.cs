using System.Text;
using XClr.Nn;
using XClr.Train.Evaluation;

namespace XClr.Train;

/// <summary>Embeds the images of a data set with a checkpoint.</summary>
/// <param name="Checkpoint">Run folder, step folder or .safetensors.</param>
/// <param name="Network">What the user says of the network.</param>
/// <param name="Config">Data, data format, classes, device and workers are read of it; Data must be set.</param>
/// <param name="Out">The .safetensors to write: `features` [N,F], `projections` [N,P] or a classifier's `logits` [N,K]; keys in a .keys.txt beside it, a line each, where \\, \r and \n stand for a backslash and line ends.</param>
/// <param name="BatchSize">Images per run of the network.</param>
public sealed record EmbedRequest(string Checkpoint, NetworkOptions Network, TrainConfig Config, string Out, int BatchSize = 64);

/// <summary>The `embed-images` verb's work.</summary>
public static class ImageEmbedder
{
    /// <summary>Embeds and writes; returns what was embedded. <paramref name="warn"/> is told what the user should know.</summary>
    public static FeatureSet Run(EmbedRequest request, Action<string> warn, CancellationToken stop)
    {
        using var data = TrainSetup.Open(request.Config, validation: false);
        using var device = TrainSetup.OpenDevice(request.Config.Device);
        using var loaded = LoadedModel.Open(device, request.Checkpoint, request.Network);
        using var encoder = new Encoder(device, loaded.Model, loaded.Images, request.BatchSize);
        var set = FeatureSet.Extract(encoder, data, limit: null, TrainSetup.Workers(request.Config), warn, stop, texts: false);
        var entries = new List<SafetensorsEntry> { Entry("features", set.Features) };
        if (set.Projections is { } projections)
        {
            entries.Add(Entry("projections", projections));
        }
        if (set.Logits is { } logits)
        {
            entries.Add(Entry("logits", logits));
        }
        SafetensorsWriter.Write(request.Out, entries);
        DurableFile.Write(KeysFile(request.Out), stream => stream.Write(Encoding.UTF8.GetBytes(string.Concat(set.Keys.Select(k => OneLine(k) + "\n")))));
        return set;
    }

    private static string KeysFile(string tensors) => (tensors.EndsWith(".safetensors", StringComparison.OrdinalIgnoreCase) ? Path.ChangeExtension(tensors, null) : tensors) + ".keys.txt";

    // A file's name may hold line ends: a row is a line.
    private static string OneLine(string key) => key.AsSpan().ContainsAny("\\\r\n") ? key.Replace("\\", "\\\\").Replace("\r", "\\r").Replace("\n", "\\n") : key;

    private static SafetensorsEntry Entry(string name, RowMatrix rows) => new(name, SafetensorsDType.F32, [rows.Count, rows.Width], rows.Write);
}

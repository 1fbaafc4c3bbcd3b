using XClr.Nn;
using XClr.Train.Evaluation;

namespace XClr.Train;

/// <summary>Embeds the images of a data set with a checkpoint.</summary>
/// <param name="Checkpoint">Run folder, step folder or .safetensors.</param>
/// <param name="Network">What the user says of the network.</param>
/// <param name="Config">Data, data format, classes, device and workers are read of it; Data must be set.</param>
/// <param name="Out">The .safetensors to write: `features` [N,F], `projections` [N,P] or a classifier's `logits` [N,K]; keys beside it (<see cref="KeysFile"/>).</param>
/// <param name="BatchSize">Images per run of the network.</param>
public sealed record EmbedRequest(string Checkpoint, NetworkOptions Network, TrainConfig Config, string Out, int BatchSize = 64)
{
    /// <summary>Is told how a bare file's weights were taken, and how far the opening of the data is where it takes long.</summary>
    public Action<string> Note { get; init; } = static _ => { };
}

/// <summary>The `embed-images` verb's work.</summary>
public static class ImageEmbedder
{
    /// <summary>Embeds and writes; returns what was embedded. <paramref name="warn"/> is told what the user should know.</summary>
    public static FeatureSet Run(EmbedRequest request, Action<string> warn, CancellationToken stop)
    {
        using var data = TrainSetup.Open(request.Config, validation: false, stop, request.Note);
        using var device = TrainSetup.OpenDevice(request.Config.Device);
        using var loaded = LoadedModel.Open(device, request.Checkpoint, request.Network, request.Note);
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
        KeysFile.Write(request.Out, set.Keys);
        return set;
    }

    private static SafetensorsEntry Entry(string name, RowMatrix rows) => new(name, SafetensorsDType.F32, [rows.Count, rows.Width], rows.Write);
}

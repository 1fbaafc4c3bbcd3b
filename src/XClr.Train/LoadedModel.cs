using XClr.Gpu;
using XClr.Nn;
using XClr.Nn.Models;
using XClr.Nn.Ops;

namespace XClr.Train;

/// <summary>A network read from a checkpoint, ready for inference.</summary>
public sealed class LoadedModel : IDisposable
{
    private LoadedModel(Model model, CheckpointInfo info)
    {
        Model = model;
        Images = info.Images;
        StateFile = info.Path.State;
        Trained = info.Trained;
    }

    public Model Model { get; }

    /// <summary>Size and normalisation that the network expects.</summary>
    public AugmentSpec Images { get; }

    /// <summary>Path of the checkpoint's state; null for a bare file.</summary>
    public string? StateFile { get; }

    /// <summary>The configuration that the network was trained with; null for a bare file.</summary>
    public TrainConfig? Trained { get; }

    /// <summary>Opens a checkpoint: any path that <see cref="CheckpointInfo.Read"/> accepts. <paramref name="note"/> is told how a bare file's weights were taken.</summary>
    /// <exception cref="UsageException">An option contradicts the checkpoint's state.</exception>
    /// <exception cref="SafetensorsException">The file holds no network of a kind that this program has.</exception>
    public static LoadedModel Open(GpuDevice device, string checkpoint, NetworkOptions options, Action<string>? note = null)
    {
        var info = CheckpointInfo.Read(checkpoint, options);
        var model = new Model(info.Spec);
        try
        {
            ModelFile.Load(device, model, _ => true, info.WeightFiles);
            if (info.Weights is { } weights)
            {
                note?.Invoke(weights);
            }
        }
        catch
        {
            model.Dispose();
            throw;
        }
        return new LoadedModel(model, info);
    }

    public void Dispose() => Model.Dispose();
}

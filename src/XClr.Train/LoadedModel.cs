using XClr.Gpu;
using XClr.Nn;
using XClr.Nn.Models;
using XClr.Nn.Ops;

namespace XClr.Train;

/// <summary>A network read from a checkpoint, ready for inference.</summary>
public sealed class LoadedModel : IDisposable
{
    private LoadedModel(Model model, AugmentSpec images, CheckpointState? state)
    {
        Model = model;
        Images = images;
        State = state;
    }

    public Model Model { get; }

    /// <summary>Size and normalisation that the network expects.</summary>
    public AugmentSpec Images { get; }

    /// <summary>The checkpoint's state; null for a bare .safetensors.</summary>
    public CheckpointState? State { get; }

    /// <summary>
    /// Opens a run folder, a step folder or a .safetensors file. A bare file says nothing of architecture and size: <paramref name="config"/> does.
    /// </summary>
    public static LoadedModel Open(GpuDevice device, string checkpoint, TrainConfig config)
    {
        var path = CheckpointPath.Resolve(checkpoint);
        var state = path.State is null ? null : CheckpointState.Read(path.State);
        var trained = state is null ? config : TrainConfig.FromJson(state.Config, path.State!);
        var spec = path.Head is null ? TrainSetup.Network(trained, 0) with { Head = HeadKind.None } : TrainSetup.Network(trained, TextWidth(path.Head));
        var model = new Model(spec);
        try
        {
            ModelFile.Load(device, model, _ => true, path.Head is null ? [path.Model] : [path.Model, path.Head]);
        }
        catch
        {
            model.Dispose();
            throw;
        }
        var images = TrainSetup.Images(trained);
        return new LoadedModel(model, state is null ? images : TrainCheckpoint.Images(state, images.Filter), state);
    }

    // CLIP's text map tells D; other heads have none.
    private static int TextWidth(string head)
    {
        using var file = SafetensorsFile.Open(head);
        return file.Contains(Model.TextMap) ? (int)file[Model.TextMap].Shape[1] : 0;
    }

    public void Dispose() => Model.Dispose();
}

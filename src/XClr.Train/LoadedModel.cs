using XClr.Gpu;
using XClr.Nn;
using XClr.Nn.Models;
using XClr.Nn.Ops;

namespace XClr.Train;

/// <summary>A network read from a checkpoint, ready for inference.</summary>
public sealed class LoadedModel : IDisposable
{
    private LoadedModel(Model model, AugmentSpec images, string? stateFile, TrainConfig? trained)
    {
        Model = model;
        Images = images;
        StateFile = stateFile;
        Trained = trained;
    }

    public Model Model { get; }

    /// <summary>Size and normalisation that the network expects.</summary>
    public AugmentSpec Images { get; }

    /// <summary>Path of the checkpoint's state; null for a bare .safetensors.</summary>
    public string? StateFile { get; }

    /// <summary>The configuration that the network was trained with; null for a bare .safetensors.</summary>
    public TrainConfig? Trained { get; }

    /// <summary>
    /// Opens a run folder, a step folder or a .safetensors file. A bare file's network is told from its tensors (<see cref="ModelShapes"/>), its images are torchvision's (224 pixels, bilinear,
    /// ImageNet's mean and std), where <paramref name="options"/> say nothing else.
    /// </summary>
    /// <exception cref="UsageException">An option contradicts the checkpoint's state.</exception>
    /// <exception cref="SafetensorsException">The file holds no network of a kind that this program has.</exception>
    public static LoadedModel Open(GpuDevice device, string checkpoint, NetworkOptions options)
    {
        var path = CheckpointPath.Resolve(checkpoint);
        var state = path.State is null ? null : CheckpointState.Read(path.State);
        var trained = state is null ? null : TrainConfig.FromJson(state.Config, path.State!);
        var spec = Describe(path, trained, options);
        var images = state is null ? options.Images() : TrainCheckpoint.Images(state, TrainSetup.Images(trained!).Filter);
        if (path.State is not null)
        {
            options.RequireAgreement(spec, images, path.State);
        }
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
        return new LoadedModel(model, images, path.State, trained);
    }

    private static ModelSpec Describe(CheckpointPath path, TrainConfig? trained, NetworkOptions options)
    {
        using var weights = SafetensorsFile.Open(path.Model);
        var backbone = trained is null
            ? ModelShapes.Backbone(weights, options.Arch, options.Stem, options.Width)
            : new ModelSpec(trained.Arch, trained.Stem, trained.Width, HeadKind.None);
        if (path.Head is null)
        {
            return ModelShapes.WithHead(backbone, weights);
        }
        using var head = SafetensorsFile.Open(path.Head);
        return ModelShapes.WithHead(backbone, head);
    }

    public void Dispose() => Model.Dispose();
}

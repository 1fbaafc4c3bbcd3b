using XClr.Nn;
using XClr.Nn.Models;
using XClr.Nn.Ops;
using XClr.Nn.Weights;

namespace XClr.Train;

/// <summary>What a checkpoint's network is and which images it expects, told without a device.</summary>
/// <param name="Path">The checkpoint's files.</param>
/// <param name="Spec">The network with its head.</param>
/// <param name="Images">Size and normalisation that it expects.</param>
/// <param name="Trained">The configuration that it was trained with; null for a bare file.</param>
/// <param name="Steps">Optimiser steps that it was trained for; 0 for a bare file.</param>
public sealed record CheckpointInfo(CheckpointPath Path, ModelSpec Spec, AugmentSpec Images, TrainConfig? Trained, long Steps)
{
    /// <summary>How a bare file's weights were taken; null for a checkpoint.</summary>
    public string? Weights { get; init; }

    /// <summary>The files that hold the network's weights.</summary>
    public IReadOnlyList<string> WeightFiles => Path.Head is null ? [Path.Model] : [Path.Model, Path.Head];

    /// <summary>
    /// Looks at a run folder, a step folder or a file of weights. A bare file's network is told from its tensors (<see cref="ModelShapes"/>), its images are torchvision's (224 pixels, bilinear,
    /// ImageNet's mean and std), where neither <paramref name="options"/> nor the file's metadata (<see cref="EncoderExport"/> writes them) say anything else.
    /// </summary>
    /// <exception cref="CheckpointException">The file's metadata say what cannot be.</exception>
    /// <exception cref="UsageException">An option contradicts the checkpoint's state.</exception>
    /// <exception cref="SafetensorsException">The file holds no network of a kind that this program has.</exception>
    public static CheckpointInfo Read(string checkpoint, NetworkOptions options)
    {
        var path = CheckpointPath.Resolve(checkpoint);
        var state = path.State is null ? null : CheckpointState.Read(path.State);
        using var weights = BackboneWeights.Open(path.Model);
        options = state is null ? options.OrOf(weights) : options;
        var trained = state is null ? null : TrainConfig.FromJson(state.Config, path.State!);
        var spec = Describe(path, weights, trained, options);
        var images = state is null ? options.Images() : TrainCheckpoint.Images(state, TrainSetup.Images(trained!).Filter);
        if (path.State is not null)
        {
            options.RequireAgreement(spec, images, path.State);
        }
        return new CheckpointInfo(path, spec, images, trained, state?.Step ?? 0) { Weights = state is null ? weights.Report : null };
    }

    private static ModelSpec Describe(CheckpointPath path, BackboneWeights weights, TrainConfig? trained, NetworkOptions options)
    {
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
}

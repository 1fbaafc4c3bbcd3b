using CommandLine;
using XClr.Train;

namespace XClr.Cli.Commands;

/// <summary>Verbs that run a checkpoint over a data set.</summary>
public abstract class CheckpointCommand : DatasetCommand
{
    // Shared with the verbs that need no data set.
    internal const string CheckpointHelp = "A run folder (its latest), a step folder, a .safetensors file or a zip .pth of torch.save [path].";
    internal const string ArchHelp = "Backbone of a bare weights file; unset: by its tensors' names: resnet18|resnet34|resnet50|resnet101.";
    internal const string StemHelp = "First layers of a bare weights file; unset: imagenet if the first convolution is 7x7 (a 3x3 one may be either of the others, so name it): imagenet|half|small.";
    internal const string WidthHelp = "Width of a bare weights file; unset: by its first convolution [multiple of the channels].";
    internal const string ImageSizeHelp = "Side of the images for a bare weights file; unset: 224 [pixels].";
    internal const string MeanHelp = "Mean to subtract from pixels of 0 to 1, for a bare weights file; unset: ImageNet's 0.485,0.456,0.406 [red,green,blue].";
    internal const string StdHelp = "Standard deviation to divide by after that, for a bare weights file; unset: ImageNet's 0.229,0.224,0.225 [red,green,blue].";
    internal const string InterpolationHelp = "How images are resized for a bare weights file; unset: bilinear: bilinear|bicubic.";

    [Option("checkpoint", Required = true, HelpText = CheckpointHelp)]
    public string Checkpoint { get; set; } = "";

    [Option("batch-size", Default = 64, HelpText = "Images per run of the network [images].")]
    public int BatchSize { get; set; } = 64;

    [Option("workers", HelpText = "Decoding threads; 0: one per core [threads].")]
    public int Workers { get; set; }

    [Option("device", HelpText = "Vulkan device; unset: XCLR_DEVICE, else the best one [index, name or UUID].")]
    public string? Device { get; set; }

    [Option("arch", HelpText = ArchHelp)]
    public string? Arch { get; set; }

    [Option("stem", HelpText = StemHelp)]
    public string? Stem { get; set; }

    [Option("width", HelpText = WidthHelp)]
    public string? Width { get; set; }

    [Option("image-size", HelpText = ImageSizeHelp)]
    public string? ImageSize { get; set; }

    [Option("mean", HelpText = MeanHelp)]
    public string? Mean { get; set; }

    [Option("std", HelpText = StdHelp)]
    public string? Std { get; set; }

    [Option("interpolation", HelpText = InterpolationHelp)]
    public string? Interpolation { get; set; }

    /// <summary>What the options say of the network.</summary>
    /// <exception cref="UsageException">A value is not accepted.</exception>
    protected NetworkOptions Network() => NetworkOptions.Parse(Arch, Stem, Width, ImageSize, Mean, Std, Interpolation);

    /// <summary>Checks --batch-size and --workers.</summary>
    protected void RequireNumbers()
    {
        RequireAtLeast("--batch-size", BatchSize, 1);
        RequireAtLeast("--workers", Workers, 0);
    }
}

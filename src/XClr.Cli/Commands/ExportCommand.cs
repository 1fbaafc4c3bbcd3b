using CommandLine;
using XClr.Nn;
using XClr.Train;

namespace XClr.Cli.Commands;

[Verb("export", HelpText = "Write a checkpoint's encoder for other programs: an ONNX graph with batch norm folded, torchvision's state dict as safetensors, or numpy's npz.")]
public sealed class ExportCommand : Command
{
    [Option("checkpoint", Required = true, HelpText = CheckpointCommand.CheckpointHelp)]
    public string Checkpoint { get; set; } = "";

    [Option("out", Required = true, HelpText = "File to write [path].")]
    public string Out { get; set; } = "";

    [Option("format", HelpText = "Format; unset: by the suffix of --out: onnx|safetensors|npz.")]
    public string? Format { get; set; }

    [Option("arch", HelpText = CheckpointCommand.ArchHelp)]
    public string? Arch { get; set; }

    [Option("stem", HelpText = CheckpointCommand.StemHelp)]
    public string? Stem { get; set; }

    [Option("width", HelpText = CheckpointCommand.WidthHelp)]
    public string? Width { get; set; }

    [Option("image-size", HelpText = CheckpointCommand.ImageSizeHelp)]
    public string? ImageSize { get; set; }

    [Option("mean", HelpText = CheckpointCommand.MeanHelp)]
    public string? Mean { get; set; }

    [Option("std", HelpText = CheckpointCommand.StdHelp)]
    public string? Std { get; set; }

    [Option("interpolation", HelpText = CheckpointCommand.InterpolationHelp)]
    public string? Interpolation { get; set; }

    /// <inheritdoc/>
    public override int Run()
    {
        var format = ParseFormat();
        RequireOutput("--out", Out, FilesOf(Checkpoint));
        var info = EncoderExport.Run(Checkpoint, NetworkOptions.Parse(Arch, Stem, Width, ImageSize, Mean, Std, Interpolation), format, Out);
        if (info.Weights is { } weights)
        {
            Console.Error.WriteLine(weights);
        }
        var (arch, features, bytes) = (info.Spec.Arch.LowerName(), info.Spec.FeatureWidth, new FileInfo(Out).Length);
        if (Json)
        {
            Output.Json(new { file = Path.GetFullPath(Out), format, arch, features, imageSize = info.Images.Size, batchNorm = format == ExportFormat.Onnx ? "folded" : "kept", bytes });
        }
        else
        {
            Console.Out.WriteLine($"{Out}: {arch}, {features} features, {info.Images.Size} px, batch norm {(format == ExportFormat.Onnx ? "folded into the convolutions" : "kept")}, {bytes / 1e6:0.0} MB");
        }
        return ExitCode.Success;
    }

    private static IEnumerable<(string Option, string? File)> FilesOf(string checkpoint)
    {
        var files = CheckpointPath.Resolve(checkpoint);
        foreach (var file in new[] { files.Model, files.Head, files.Optimizer, files.State })
        {
            yield return ("--checkpoint", file);
        }
    }

    private ExportFormat ParseFormat()
    {
        if (Format is not null)
        {
            return Name<ExportFormat>("--format", Format);
        }
        Require(OptionText.TryParseName<ExportFormat>(Path.GetExtension(Out).TrimStart('.'), out var format), $"--out {Out}: its ending is none of .onnx, .safetensors, .npz; name --format.");
        return format;
    }
}

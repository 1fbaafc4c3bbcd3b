using CommandLine;
using XClr.Train;

namespace XClr.Cli.Commands;

[Verb("embed-images", HelpText = "Embed images with a checkpoint: writes 'features' and 'projections', float32, and their keys beside.")]
public sealed class EmbedImagesCommand : DatasetCommand
{
    [Option("checkpoint", Required = true, HelpText = "A run folder (its latest), a step folder or a .safetensors file [path].")]
    public string Checkpoint { get; set; } = "";

    [Option("data", Required = true, HelpText = "The images [path].")]
    public string Data { get; set; } = "";

    [Option("out", Required = true, HelpText = "The .safetensors file to write; keys go to a .keys.txt beside it [path].")]
    public string Out { get; set; } = "";

    [Option("batch-size", Default = 64, HelpText = "Images per run of the network [images].")]
    public int BatchSize { get; set; } = 64;

    [Option("workers", HelpText = "Decoding threads; 0: one per core [threads].")]
    public int Workers { get; set; }

    [Option("device", HelpText = "Vulkan device; unset: XCLR_DEVICE, else the best one [index, name or UUID].")]
    public string? Device { get; set; }

    /// <inheritdoc/>
    public override int Run()
    {
        Require(BatchSize >= 1, $"--batch-size {BatchSize}: allowed: a whole number from 1 up.");
        var config = new TrainConfig { Data = Data, DataFormat = ParseFormat(), Classes = Classes, CaptionTemplate = CaptionTemplate, Workers = Workers, Device = Device };
        using var signals = new StopSignals(Console.Error.WriteLine);
        var set = ImageEmbedder.Run(new EmbedRequest(Checkpoint, config, Out, BatchSize), signals.Token);
        var skipped = set.Skipped.Values.Sum();
        if (Json)
            Output.Json(new { file = Path.GetFullPath(Out), images = set.Count, features = set.FeatureWidth, projections = set.ProjectionWidth, skipped });
        else
            Console.Out.WriteLine($"{Out}: features [{set.Count},{set.FeatureWidth}]{(set.ProjectionWidth > 0 ? $", projections [{set.Count},{set.ProjectionWidth}]" : "")}{(skipped > 0 ? $"; {skipped} samples were skipped" : "")}");
        return ExitCode.Success;
    }
}

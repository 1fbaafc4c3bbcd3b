using CommandLine;
using XClr.Train;

namespace XClr.Cli.Commands;

[Verb("embed-images", HelpText = "Embed images with a checkpoint: writes 'features' and 'projections' (or a classifier's 'logits'), float32, and a file of their keys.")]
public sealed class EmbedImagesCommand : CheckpointCommand
{
    [Option("data", Required = true, HelpText = "The images [path].")]
    public string Data { get; set; } = "";

    [Option("out", Required = true, HelpText = "The .safetensors file to write; keys go to a .keys.txt beside it [path].")]
    public string Out { get; set; } = "";

    /// <inheritdoc/>
    public override int Run()
    {
        RequireNumbers();
        RequireOutput("--out", Out, ("--data", Data), ("--checkpoint", Checkpoint));
        var config = new TrainConfig { Data = Data, DataFormat = ParseFormat(), Classes = Classes, CaptionTemplate = CaptionTemplate, Workers = Workers, Device = Device };
        using var signals = new StopSignals(Console.Error.WriteLine);
        var set = ImageEmbedder.Run(new EmbedRequest(Checkpoint, Network(), config, Out, BatchSize) { Note = Console.Error.WriteLine }, Output.Warn, signals.Token);
        var skipped = set.Skipped.Values.Sum();
        var (features, projections, logits) = (set.Features.Width, set.Projections?.Width ?? 0, set.Logits?.Width ?? 0);
        if (Json)
        {
            Output.Json(new { file = Path.GetFullPath(Out), images = set.Count, features, projections, logits, skipped });
        }
        else
        {
            Console.Out.WriteLine($"{Out}: features [{set.Count},{features}]{(projections > 0 ? $", projections [{set.Count},{projections}]" : "")}{(logits > 0 ? $", logits [{set.Count},{logits}]" : "")}{(skipped > 0 ? $"; {skipped} samples were skipped" : "")}");
        }
        return ExitCode.Success;
    }
}

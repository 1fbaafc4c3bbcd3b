using System.Globalization;
using CommandLine;
using XClr.Train;
using XClr.Train.Evaluation;

namespace XClr.Cli.Commands;

[Verb("eval", HelpText = "Measure a checkpoint on held-out images: linear probes, k-NN, zero-shot, retrieval, similarity fidelity.")]
public sealed class EvalCommand : CheckpointCommand
{
    [Option("protocol", Default = "knn,fidelity", HelpText = "What to measure, comma-separated: linear|linear-aug|knn|zeroshot|retrieval|fidelity.")]
    public string Protocol { get; set; } = "knn,fidelity";

    [Option("data", HelpText = "Training images: the bank of k-NN; the probes and the map into the text space are fitted on them [path].")]
    public string? Data { get; set; }

    [Option("val-data", Required = true, HelpText = "Held-out images [path].")]
    public string ValData { get; set; } = "";

    [Option("fraction", Default = "1", HelpText = "Parts of the training images for linear, linear-aug and knn, comma-separated: shares of each class, or lists of file names such as SimCLR's 1percent.txt [0 to 1, or path].")]
    public string Fraction { get; set; } = "1";

    [Option("answers", HelpText = "File that says which classes are right for held-out images, for ReaL's real.json, ImageNet-9's in_to_in9.json and ObjectNet's objectnet_to_imagenet_1k.json; unset: their labels [path].")]
    public string? Answers { get; set; }

    [Option("class-part", Default = "whole", HelpText = "Part of the class names that is the class, for folders such as MIT-States' 'ancient bear': whole|adjective|noun.")]
    public string ClassPart { get; set; } = "whole";

    [Option("templates", Default = "a photo of a {}", HelpText = "Prompts for the zero-shot classes: a file with one prompt a line, or a single prompt [path, or text with {}].")]
    public string Templates { get; set; } = PromptTemplate.Default.Text;

    [Option("probe-epochs", Default = 90, HelpText = "Epochs of linear-aug [epochs].")]
    public int ProbeEpochs { get; set; } = EvalOptions.Default.ProbeEpochs;

    [Option("text-encoder", HelpText = "Caption encoder; unset: the run's own, static-minilm-128 for a bare .safetensors [name or path].")]
    public string? TextEncoder { get; set; }

    [Option("text-provider", Default = "cpu", HelpText = "Where the caption encoder runs: cpu, cuda, ... [name[:index]].")]
    public string TextProvider { get; set; } = "cpu";

    [Option("limit", HelpText = "Images of each set to use; unset: all [images].")]
    public int? Limit { get; set; }

    /// <inheritdoc/>
    public override int Run()
    {
        RequireNumbers();
        RequireAtLeast("--limit", Limit, 1);
        RequireAtLeast("--probe-epochs", ProbeEpochs, 1);
        var protocol = ParseProtocol(Protocol);
        Require((protocol & EvalProtocol.Supervised) == 0 || Data is not null, $"--protocol {Protocol} needs --data, the labelled training images; or pass --protocol fidelity.");
        var options = new EvalOptions(Subset.Parse(Fraction), PromptTemplate.Read(Templates), ProbeEpochs);
        var request = new EvalRequest(Checkpoint, Network(), ToConfig(), TextEncoder, protocol, options, new EvalLimits(Limit, Limit), BatchSize)
        {
            Answers = Answers,
            ClassPart = Name<NamePart>("--class-part", ClassPart),
            Note = Console.Error.WriteLine,
        };
        using var signals = new StopSignals(Console.Error.WriteLine);
        var results = Evaluator.Run(request, Output.Warn, signals.Token);
        foreach (var lack in results.Unmeasured)
        {
            Output.Warn(lack);
        }
        if (Json)
        {
            Output.Json(new { Checkpoint, results = results.Values, results.Protocols, results.Unmeasured });
        }
        else
        {
            Print(results);
        }
        return results.IsEmpty ? ExitCode.Data : ExitCode.Success;
    }

    private static void Print(EvalResults results)
    {
        var table = Output.Table("measure", "value", "95 % interval", "by");
        foreach (var (name, value) in results.Values)
        {
            var protocol = results.Protocols.FirstOrDefault(p => p.Top1Name == name);
            table.Row(name, Text(value), protocol?.Classification is { } c ? $"{Text(c.Top1Interval.Low)} to {Text(c.Top1Interval.High)}" : "", By(protocol));
        }
        Output.Results.Write(table);
    }

    private static string By(ProtocolResult? result) => result is null ? "" : string.Join(", ", new[]
    {
        result.Map,
        result.TrainingImages is { } n ? $"{n} training images" : null,
        result.Penalty is { } penalty ? string.Create(CultureInfo.InvariantCulture, $"penalty {penalty:0.#####}{(penalty == LinearProbe.Penalties[0] ? ", the strongest tried" : penalty == LinearProbe.Penalties[^1] ? ", the weakest tried" : "")}") : null,
        result.Converged == false ? "not converged" : null,
        result.Classification?.Ece is { } ece ? $"ECE {Text(ece)}" : null,
    }.OfType<string>());

    private static string Text(double value) => value.ToString("0.####", CultureInfo.InvariantCulture);

    private TrainConfig ToConfig() => new()
    {
        Data = Data,
        ValData = ValData,
        DataFormat = ParseFormat(),
        Classes = Classes,
        CaptionTemplate = CaptionTemplate,
        TextProvider = TextProvider,
        Workers = Workers,
        Device = Device,
    };

    /// <summary>Protocols by name, comma-separated.</summary>
    /// <exception cref="UsageException">There is no such protocol.</exception>
    internal static EvalProtocol ParseProtocol(string names) => names.Split(',', StringSplitOptions.TrimEntries).Aggregate((EvalProtocol)0, (all, name) => ProtocolNames.All.TryGetValue(name, out var one)
        ? all | one
        : throw new UsageException($"--protocol '{name}' is not accepted; allowed: {string.Join('|', ProtocolNames.All.Keys)}, comma-separated."));
}

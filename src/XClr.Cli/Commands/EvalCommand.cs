using System.Globalization;
using CommandLine;
using XClr.Train;
using XClr.Train.Evaluation;

namespace XClr.Cli.Commands;

[Verb("eval", HelpText = "Measure a checkpoint on held-out images: k-NN accuracy, similarity fidelity.")]
public sealed class EvalCommand : CheckpointCommand
{
    [Option("protocol", Default = "knn,fidelity", HelpText = "What to measure, comma-separated: knn|fidelity.")]
    public string Protocol { get; set; } = "knn,fidelity";

    [Option("data", HelpText = "Training images, the bank of k-NN [path].")]
    public string? Data { get; set; }

    [Option("val-data", Required = true, HelpText = "Held-out images [path].")]
    public string ValData { get; set; } = "";

    [Option("text-encoder", HelpText = "Caption encoder of the fidelity; unset: the run's own, static-minilm-128 for a bare .safetensors [name or path].")]
    public string? TextEncoder { get; set; }

    [Option("text-provider", Default = "cpu", HelpText = "Where it runs: cpu, cuda, ... [name[:index]].")]
    public string TextProvider { get; set; } = "cpu";

    [Option("limit", HelpText = "Images of each set to use; unset: all [images].")]
    public int? Limit { get; set; }

    /// <inheritdoc/>
    public override int Run()
    {
        RequireBatchSize();
        Require(Limit is null or >= 1, $"--limit {Limit}: allowed: a whole number from 1 up.");
        var protocol = ParseProtocol();
        Require(!protocol.HasFlag(EvalProtocol.Knn) || Data is not null, "--protocol knn needs --data, the training images that vote; or pass --protocol fidelity.");
        var request = new EvalRequest(Checkpoint, Network(), ToConfig(), TextEncoder, protocol, new EvalLimits(Limit, Limit), BatchSize);
        using var signals = new StopSignals(Console.Error.WriteLine);
        var results = Evaluator.Run(request, Output.Warn, signals.Token);
        WarnOfUnmeasured(protocol, results);
        if (Json)
        {
            Output.Json(new { Checkpoint, results });
            return ExitCode.Success;
        }
        var table = Output.Table("measure", "value");
        foreach (var (name, value) in results)
            table.Row(name, value.ToString("0.####", CultureInfo.InvariantCulture));
        Output.Results.Write(table);
        return ExitCode.Success;
    }

    private static void WarnOfUnmeasured(EvalProtocol asked, IReadOnlyDictionary<string, double> results)
    {
        if (asked.HasFlag(EvalProtocol.Knn) && !results.ContainsKey(EvalNames.KnnTop1))
            Output.Warn("k-NN was not measured: not all held-out images have a label.");
        if (asked.HasFlag(EvalProtocol.Fidelity) && !results.ContainsKey(EvalNames.Fidelity))
            Output.Warn("fidelity was not measured: not all held-out images have a caption; for a labelled set pass --caption-template.");
    }

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

    private EvalProtocol ParseProtocol()
    {
        EvalProtocol all = 0;
        foreach (var name in Protocol.Split(',', StringSplitOptions.TrimEntries))
            all |= name switch
            {
                "knn" => EvalProtocol.Knn,
                "fidelity" => EvalProtocol.Fidelity,
                _ => throw new UsageException($"--protocol '{name}' is not accepted; allowed: knn|fidelity, comma-separated."),
            };
        return all;
    }
}

using System.Diagnostics;
using XClr.Data;
using XClr.Nn.Models;
using XClr.Train.Evaluation;

namespace XClr.Train.Comparison;

/// <summary>A comparison of losses: everything but the loss is the same.</summary>
/// <param name="Config">What all cells share; Data and ValData must be set.</param>
/// <param name="Losses">In the order of training.</param>
/// <param name="Seeds">Seeds 0 to Seeds - 1, besides the configuration's own, which is added.</param>
/// <param name="Rates">Learning rates, each with each loss; empty = the configuration's.</param>
/// <param name="Protocol">What is measured of each cell.</param>
/// <param name="Options">How.</param>
/// <param name="Folder">Results of cells, and their runs.</param>
public sealed record ComparisonRequest(TrainConfig Config, IReadOnlyList<LossKind> Losses, int Seeds, IReadOnlyList<double> Rates, EvalProtocol Protocol, EvalOptions Options, string Folder)
{
    /// <summary>The folder of the cells' runs, in <see cref="Folder"/>.</summary>
    internal const string Runs = "runs";

    /// <summary>All cells, seed-major, so that the table is valid after each seed: the untrained network, then the losses.</summary>
    public IEnumerable<ComparisonCell> Cells => Enumerable.Range(0, Seeds).Select(s => Config.Seed + (ulong)s).SelectMany(seed =>
        Losses.SelectMany(loss => Rates.Count == 0 ? [new ComparisonCell(seed, loss)] : Rates.Select(rate => new ComparisonCell(seed, loss, rate))).Prepend(new ComparisonCell(seed, null)));

    /// <summary>Names of what is measured.</summary>
    internal string ProtocolNames => Evaluation.ProtocolNames.Of(Protocol);

    /// <summary>Prompts of the zero-shot classes; null where there is no zero-shot.</summary>
    internal IReadOnlyList<string>? Prompts => Protocol.HasFlag(EvalProtocol.ZeroShot) ? [.. Options.Templates.Select(t => t.Text)] : null;

    /// <summary>File of a cell's result.</summary>
    public string FileOf(ComparisonCell cell) => Path.Combine(Folder, "cells", cell.Name + ".json");

    /// <summary>Folder of a cell's run.</summary>
    public string RunOf(ComparisonCell cell) => Path.Combine(Folder, Runs, cell.Name);

    /// <summary>A cell's configuration.</summary>
    public TrainConfig ConfigOf(ComparisonCell cell) =>
        (Config with { Loss = cell.Loss ?? LossKind.SimClr, Seed = cell.Seed, Lr = cell.Rate ?? Config.Lr, RunDir = RunOf(cell), Resume = "auto" }).Validated();
}

/// <summary>Carries a comparison out, cell by cell; those that are there already are not made again, and a cell that was interrupted goes on from its checkpoint.</summary>
public static class ComparisonRun
{
    /// <summary>Runs all cells; <paramref name="done"/> is told of each with the table so far. Ends early, with the cells so far, where <paramref name="stop"/> is set or a training was cut off by --max-time.</summary>
    public static ComparisonTable Run(ComparisonRequest request, ITrainReporter reporter, Action<ComparisonCell, ComparisonTable> done, CancellationToken stop)
    {
        RequireSuits(request, reporter, stop);
        TrainSetup.WarnOfTrainingImages(request.Config, reporter.Warn);
        var results = new List<CellResult>();
        foreach (var cell in request.Cells)
        {
            var (file, config) = (request.FileOf(cell), request.ConfigOf(cell));
            var result = CellResult.Read(file);
            result?.RequireSame(request, config, file);
            try
            {
                result ??= Make(request, cell, config, reporter, stop);
            }
            catch (OperationCanceledException)
            {
                break;
            }
            if (result is null)
            {
                break;
            }
            results.Add(result);
            done(cell, ComparisonTable.Of(results));
        }
        return ComparisonTable.Of(results);
    }

    // What the last loss lacks is found before the first one is trained.
    private static void RequireSuits(ComparisonRequest request, ITrainReporter reporter, CancellationToken stop)
    {
        var cells = request.Cells.Where(c => c.Loss is not null && !File.Exists(request.FileOf(c))).DistinctBy(c => c.Loss).ToList();
        if (cells.Count == 0)
        {
            return;
        }
        using var data = TrainSetup.Open(request.Config, validation: false, stop, reporter.Info);
        foreach (var cell in cells)
        {
            TrainSetup.RequireSuits(request.ConfigOf(cell), data);
        }
    }

    private static CellResult? Make(ComparisonRequest request, ComparisonCell cell, TrainConfig config, ITrainReporter reporter, CancellationToken stop)
    {
        reporter.Info($"cell {cell.Name}: {cell.Row}");
        var clock = Stopwatch.StartNew();
        var steps = 0L;
        var (observed, earlier) = (new TrainingObserver(reporter), new EarlierTraining(0, null));
        if (cell.Loss is not null)
        {
            var outcome = Trainer.Run(config with { ValData = null }, observed, stop);
            if (outcome.Status != TrainStatus.Completed)
            {
                return null;
            }
            steps = outcome.Step;
            earlier = EarlierTraining.Read(Path.Combine(outcome.RunFolder, MetricsLog.FileName), observed.FirstStep, 2 * config.BatchSize);
        }
        var (results, device) = Measure(request, cell, config, reporter, stop);
        var maps = results.Protocols.Where(p => p.Map is not null).ToDictionary(p => p.Protocol, p => p.Map!);
        var result = new CellResult(cell.Row, cell.Seed, config.ToJson(), steps, 2 * steps * config.BatchSize, earlier.Seconds + clock.Elapsed.TotalSeconds, device, observed.OwnView ?? earlier.OwnView, maps, results.Values, request.ProtocolNames, request.Prompts);
        Directory.CreateDirectory(Path.GetDirectoryName(request.FileOf(cell))!);
        result.Write(request.FileOf(cell));
        return result;
    }

    private static (EvalResults Results, string Device) Measure(ComparisonRequest request, ComparisonCell cell, TrainConfig config, ITrainReporter reporter, CancellationToken stop)
    {
        using var bank = TrainSetup.Open(config, validation: false, stop, reporter.Info);
        using var validation = TrainSetup.OpenValidation(config, bank, stop, reporter.Info);
        using var device = TrainSetup.OpenDevice(config.Device);
        using var loaded = cell.Loss is null ? null : LoadedModel.Open(device, request.RunOf(cell), new NetworkOptions());
        using var untrained = loaded is null ? new Model(TrainSetup.Network(config, textWidth: 0, classes: 0)) : null;
        if (untrained is not null)
        {
            TrainSetup.Initialize(device, untrained, config);
        }
        var data = new EvalData(bank, validation, config.TextEncoder, config.TextProvider, TrainSetup.Workers(config), new EvalLimits(null, null), reporter.Warn);
        var results = Evaluator.Measure(device, loaded?.Model ?? untrained!, loaded?.Images ?? TrainSetup.Images(config), data, request.Protocol, stop, Math.Min(64, 2 * config.BatchSize), request.Options);
        foreach (var lack in results.Unmeasured)
        {
            reporter.Warn(lack);
        }
        return (results, $"{device.Caps.Name} ({device.Caps.DriverName} {device.Caps.DriverInfo})");
    }

    // Passes everything on, and keeps the first step that is logged and the latest target_own_view.
    private sealed class TrainingObserver(ITrainReporter next) : ITrainReporter
    {
        public long? FirstStep { get; private set; }

        public double? OwnView { get; private set; }

        public void Info(string line) => next.Info(line);

        public void Warn(string line) => next.Warn(line);

        public void Step(StepMetrics metrics)
        {
            FirstStep ??= metrics.Step;
            OwnView = metrics.TargetOwnView ?? OwnView;
            next.Step(metrics);
        }

        public void Eval(EvalMetrics metrics) => next.Eval(metrics);
    }
}

using System.Globalization;
using CommandLine;
using XClr.Train;
using XClr.Train.Comparison;
using XClr.Train.Evaluation;

namespace XClr.Cli.Commands;

[Verb("compare", HelpText = "Train the same network with several losses and seeds and compare them on held-out images; takes the options of train. The same command goes on where it was stopped.")]
[WithoutOptions("loss", "run-dir", "resume", "eval-every")]
public class CompareCommand : OptionTableCommand
{
    private const string DefaultLosses = "xclr,simclr,supcon,clip", DefaultProtocol = "linear,knn,zeroshot,retrieval,fidelity";
    private const int DefaultSeeds = 3;

    [Option("losses", Default = DefaultLosses, HelpText = "Losses, comma-separated, in the order of training: xclr|simclr|supcon|clip|supervised.")]
    public string Losses { get; set; } = DefaultLosses;

    [Option("seeds", Default = DefaultSeeds, HelpText = "Seeds of each loss, from --seed on [runs].")]
    public int Seeds { get; set; } = DefaultSeeds;

    [Option("lr-grid", HelpText = "Learning rates, comma-separated: every loss is trained with each, each a row of its own; unset: --lr [rates].")]
    public string? LrGrid { get; set; }

    [Option("views", HelpText = "Budget of each run in views (images through the backbone), instead of --epochs and --steps [images].")]
    public long? Views { get; set; }

    [Option("minutes", HelpText = "Budget of each run in minutes of training, instead of the others: a short trial tells how many steps fit, and all runs take that many [minutes].")]
    public double? Minutes { get; set; }

    [Option("recipe", HelpText = "Embedded recipe to start from, as for train (default: compare).")]
    public string? Recipe { get; set; }

    [Option("config", HelpText = "JSON file of option names and values [path] (default: unset).")]
    public string? Config { get; set; }

    [Option("out", Default = "runs/compare", HelpText = "Folder of the results and runs [path].")]
    public string Out { get; set; } = "runs/compare";

    [Option("protocol", Default = DefaultProtocol, HelpText = "What to measure, as for eval.")]
    public string Protocol { get; set; } = DefaultProtocol;

    [Option("templates", Default = "a photo of a {}", HelpText = "Prompts of the zero-shot classes, as for eval [path, or text with {}].")]
    public string Templates { get; set; } = PromptTemplate.Default.Text;

    /// <inheritdoc/>
    public override int Run()
    {
        var request = Request();
        var cells = request.Cells.Count();
        using var folder = RunFolder.Take(request.Folder, "--out");
        var table = ConsoleReporter.Run(reporter =>
        {
            using var signals = new StopSignals(reporter.Warn, "the step is finished and saved");
            var budgeted = Minutes is { } minutes ? ComparisonBudget.Apply(request, minutes, reporter, signals.Token) : request;
            return ComparisonRun.Run(budgeted, reporter, (cell, soFar) => reporter.Info($"{cell.Name}: {Summary(soFar.Cells[^1])}"), signals.Token);
        });
        if (Json)
        {
            Output.Json(new { table.Rows, findings = table.Findings(), table.Cells });
        }
        else
        {
            Print(table);
        }
        if (table.Cells.Count == cells)
        {
            return ExitCode.Success;
        }
        Console.Error.WriteLine($"stopped after {table.Cells.Count} of {cells} cells; the same command goes on");
        return ExitCode.Interrupted;
    }

    private ComparisonRequest Request()
    {
        Require(Seeds is >= 1 and <= 1000, $"--seeds {Seeds}: allowed: a whole number from 1 to 1000.");
        var budgets = Given.Where(g => g.Key is "epochs" or "steps").Select(g => "--" + g.Key).Concat(Views is null ? [] : ["--views"]).Concat(Minutes is null ? [] : ["--minutes"]).ToList();
        Require(budgets.Count <= 1, $"{string.Join(", ", budgets)}: each says how long to train; give one of them.");
        Require(Minutes is null or > 0 and < double.PositiveInfinity, $"--minutes {Minutes}: allowed: a number above 0.");
        var config = TrainConfig.Resolve(Recipe ?? (Config is null ? "compare" : null), Config, Given);
        Require(config.Data is not null && config.ValData is not null, "compare needs --data and --val-data: training images with captions (and labels), and held-out ones.");
        if (Views is { } views)
        {
            Require(views >= 2 * config.BatchSize, $"--views {views}: allowed: at least one step's, {2 * config.BatchSize}.");
            config = config with { Epochs = null, Steps = views / (2 * config.BatchSize) };
        }
        Require(config.Seed <= ulong.MaxValue - (ulong)Seeds, $"--seed {config.Seed}: there are no --seeds {Seeds} from it on.");
        return new ComparisonRequest(config, ParseLosses(), Seeds, ParseRates(), EvalCommand.ParseProtocol(Protocol), EvalOptions.Default with { Templates = PromptTemplate.Read(Templates) }, Path.GetFullPath(Out));
    }

    private List<LossKind> ParseLosses()
    {
        var losses = Losses.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Select(name => Name<LossKind>("--losses", name, ", comma-separated")).ToList();
        Require(losses.Count > 0 && losses.Distinct().Count() == losses.Count, $"--losses '{Losses}': allowed: one or more losses, each once.");
        return losses;
    }

    private List<double> ParseRates()
    {
        List<double> rates = [.. (LrGrid ?? "").Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Select(t => double.TryParse(t, NumberStyles.Float, CultureInfo.InvariantCulture, out var rate) && rate is > 0 and < double.PositiveInfinity
            ? rate : throw new UsageException($"--lr-grid '{t}' is not accepted; allowed: numbers above 0, comma-separated."))];
        Require(rates.Distinct().Count() == rates.Count, $"--lr-grid '{LrGrid}': allowed: numbers above 0, each once.");
        return rates;
    }

    private void Print(ComparisonTable table)
    {
        var columns = ComparisonTable.Columns.Where(c => table.Rows.Any(r => r.Values.ContainsKey(c.Name))).ToList();
        var printed = Output.Table(["loss", "seeds", .. columns.Select(c => c.Title)]);
        foreach (var row in table.Rows)
        {
            printed.Row([row.Name, row.Seeds.ToString(CultureInfo.InvariantCulture), .. columns.Select(c => row.Values.TryGetValue(c.Name, out var value) ? Text(value) : "")]);
        }
        Output.Results.Write(printed);
        if (table.Rows.Any(r => r.Seeds > 1))
        {
            Console.Out.WriteLine("mean ± standard deviation (n - 1) over the seeds");
        }
        foreach (var finding in table.Findings())
        {
            Console.Out.WriteLine(finding);
        }
        Output.WriteFacts([.. table.Cells.SelectMany(c => c.Maps).Distinct().Select(m => ($"map of {m.Key}", m.Value)), .. table.Cells.Select(c => c.Device).Distinct().Select(d => ("device", d)), ("results", Path.GetFullPath(Out))]);
    }

    private static string Summary(CellResult cell) => string.Join(", ", ComparisonTable.Columns.Where(c => cell.Values.ContainsKey(c.Name))
        .Select(c => string.Create(CultureInfo.InvariantCulture, $"{c.Title} {cell.Values[c.Name]:0.000}")).Append(string.Create(CultureInfo.InvariantCulture, $"{cell.Seconds:0} s")));

    private static string Text(MeanOfSeeds value) => value.Deviation is { } deviation
        ? string.Create(CultureInfo.InvariantCulture, $"{value.Mean:0.000} ± {deviation:0.000}")
        : value.Mean.ToString("0.000", CultureInfo.InvariantCulture);
}

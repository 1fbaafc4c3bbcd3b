using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using CommandLine;
using XClr.Bench;
using XClr.Cli.Profiling;
using XClr.Data;
using XClr.Text;
using XClr.Train;
using XClr.Train.Profiling;

namespace XClr.Cli.Commands;

[Verb("profile", HelpText = "Time every dispatch of a training step (or of inference) on this device: tables, a page, a trace, a comparison. Without --recipe and --config: 64 pixels, 16 samples.")]
[WithoutOptions("val-data", "init-weights", "epochs", "steps", "lr", "lr-scaling", "warmup-epochs", "schedule", "milestones", "gamma", "run-dir", "save-every", "keep", "eval-every", "log-every", "max-time", "resume")]
public class ProfileCommand : OptionTableCommand
{
    private const int DefaultSteps = 10, DefaultRepeats = 32;
    private const double DefaultTolerance = 3;

    [Option("recipe", HelpText = "Embedded recipe to start from, as for train (default: unset).")]
    public string? Recipe { get; set; }

    [Option("config", HelpText = "JSON file of option names and values, such as a run's config.json [path] (default: unset).")]
    public string? Config { get; set; }

    [Option("mode", Default = "train", HelpText = "Whose plan: train (a whole step) or infer (the backbone on --batch-size images of noise).")]
    public string Mode { get; set; } = "train";

    [Option("steps", Default = DefaultSteps, HelpText = "Timed runs [runs].")]
    public int Steps { get; set; } = DefaultSteps;

    [Option("view", Default = "kernel", HelpText = "Table to print beside the phases: kernel|layer|dispatch|memory.")]
    public string View { get; set; } = "kernel";

    [Option("filter", HelpText = "Show only kernels whose name matches, such as 'conv/*' [name with * and ?] (default: unset).")]
    public string? Filter { get; set; }

    [Option("isolate", HelpText = "Also repeat each dispatch of this kernel alone, between barriers, with its real shapes [name with * and ?] (default: unset).")]
    public string? Isolate { get; set; }

    [Option("repeats", Default = DefaultRepeats, HelpText = "Runs of each isolated dispatch [runs].")]
    public int Repeats { get; set; } = DefaultRepeats;

    [Option("trace", HelpText = "Write a trace for Perfetto or chrome://tracing [path] (default: unset).")]
    public string? Trace { get; set; }

    [Option("html", HelpText = "Write a page with roofline, treemap and tables, complete in one file [path] (default: unset).")]
    public string? Html { get; set; }

    [Option("csv", HelpText = "Write a line per dispatch as comma-separated values [path] (default: unset).")]
    public string? Csv { get; set; }

    [Option("baseline", HelpText = "Compare with an earlier output of --json; exit code 6 if something is slower [path] (default: unset).")]
    public string? Baseline { get; set; }

    [Option("tolerance", Default = DefaultTolerance, HelpText = "--baseline ignores changes up to this [percent].")]
    public double Tolerance { get; set; } = DefaultTolerance;

    [Option("measure-peaks", HelpText = "Measure the device's peaks again, even if they are known from an earlier run (default: false).")]
    public bool MeasurePeaks { get; set; }

    [Option("shader-dir", HelpText = ShaderLoop.DirectoryHelp)]
    public string? ShaderDir { get; set; }

    [Option("watch", HelpText = ShaderLoop.WatchHelp)]
    public bool Watch { get; set; }

    /// <inheritdoc/>
    public override int Run()
    {
        var request = Request();
        var filter = Filter is null ? null : new NameGlob(Filter);
        var before = Baseline is null ? null : ReadBaseline(Baseline, request);
        return ShaderLoop.Run(ShaderDir, Watch, shaders => Measure(request with { Shaders = shaders }, filter, before));
    }

    private int Measure(ProfileRequest request, NameGlob? filter, ProfileReport? before)
    {
        using var signals = new StopSignals(Console.Error.WriteLine, "the run is finished, nothing is written");
        var profile = ProfileRun.Run(request, device => PeakCache.Get(device, CacheFolder.Default, MeasurePeaks), Console.Error.WriteLine, signals.Token);
        var report = ProfileReport.Create(profile, filter);
        if (before is not null)
        {
            report = report with { Comparison = ProfileComparison.Create(before, filter is null ? report : ProfileReport.Create(profile), Tolerance) };
        }
        WriteFiles(profile, report);
        if (Json)
        {
            Output.Json(report);
        }
        else
        {
            ProfilePrinter.Print(report, View);
        }
        return report.Comparison is { IsSlower: true } ? ExitCode.Slower : ExitCode.Success;
    }

    private ProfileRequest Request()
    {
        var mode = Name<ProfileMode>("--mode", Mode);
        var given = Given;
        RequireAtLeast("--steps", Steps, 1);
        RequireAtLeast("--repeats", Repeats, 1);
        Require(ProfilePrinter.Views.Contains(View), $"--view {View}: allowed: {string.Join(", ", ProfilePrinter.Views)}.");
        Require(double.IsFinite(Tolerance) && Tolerance >= 0, $"--tolerance {Tolerance}: allowed: a number from 0 up.");
        Require(mode == ProfileMode.Train || given.All(g => g.Key != "data"), "--data belongs to --mode train: --mode infer runs on noise.");
        Require(mode == ProfileMode.Train || given.All(g => g.Key != "precision" || g.Value.Equals("fp32", StringComparison.OrdinalIgnoreCase)), $"--precision {given.FirstOrDefault(g => g.Key == "precision").Value}: images are embedded in fp32; leave it out, or profile a step (--mode train).");
        foreach (var (name, path) in new[] { ("--trace", Trace), ("--html", Html), ("--csv", Csv) })
        {
            RequireOutput(name, path, ("--baseline", Baseline));
        }
        KeyValuePair<string, string>[] small = Recipe is null && Config is null ? [new("image-size", "64"), new("batch-size", "16")] : [];
        var config = TrainConfig.Resolve(Recipe, Config, [.. small.Where(s => given.All(g => g.Key != s.Key)), .. given]) with { ValData = null, EvalEvery = 0 };
        Require(config.MicroBatch is 0 || config.MicroBatch >= config.BatchSize, $"--micro-batch {config.MicroBatch?.ToString(CultureInfo.InvariantCulture) ?? "auto"}: a profile has one time per dispatch; give the micro-batch as --batch-size, and --micro-batch 0.");
        return new ProfileRequest(mode == ProfileMode.Train ? config : config with { Data = null, Precision = Precision.Fp32 }, mode, Steps, Isolate is null ? null : new NameGlob(Isolate), Repeats);
    }

    // Before the runs, which take long.
    private static ProfileReport ReadBaseline(string path, ProfileRequest request)
    {
        try
        {
            var text = File.ReadAllText(path);
            var schema = JsonNode.Parse(text) is JsonObject fields ? fields["schema"]?.ToString() : null;
            if (schema != ProfileReport.CurrentSchema)
            {
                throw new DataException($"--baseline {path}: its schema is '{schema}', not {ProfileReport.CurrentSchema}; make it anew by `profile --json`.");
            }
            var report = Output.FromJson<ProfileReport>(text)!;
            ProfileComparison.RequireComparable(report, ProfileSubject.Of(request), path);
            return report;
        }
        catch (JsonException e)
        {
            throw new DataException($"--baseline {path} is no output of `profile --json`: {e.Message}", e);
        }
    }

    private void WriteFiles(Profile profile, ProfileReport report)
    {
        if (Csv is not null)
        {
            using var writer = File.CreateText(Csv);
            ProfileCsv.Write(writer, report);
        }
        if (Trace is not null)
        {
            using var stream = File.Create(Trace);
            ProfileTrace.Write(stream, profile);
        }
        if (Html is not null)
        {
            File.WriteAllText(Html, ProfilePage.Create(report));
        }
    }
}

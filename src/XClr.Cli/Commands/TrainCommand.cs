using CommandLine;
using XClr.Train;

namespace XClr.Cli.Commands;

[Verb("train", HelpText = "Train a network. Values come from the recipe, then the config file, then the command line.")]
public class TrainCommand : OptionTableCommand
{
    [Option("recipe", HelpText = "Embedded recipe to start from: cc3m-xclr-r50|imagenet-xclr-r50|demo (default: unset).")]
    public string? Recipe { get; set; }

    [Option("config", HelpText = "JSON file of option names and values [path] (default: unset).")]
    public string? Config { get; set; }

    [Option("plan", HelpText = "Print the compiled plan (dispatches, FLOPs, bytes, memory) and end, without using device memory (default: false).")]
    public bool Plan { get; set; }

    /// <inheritdoc/>
    public override int Run()
    {
        var config = TrainConfig.Resolve(Recipe, Config, Given);
        if (Plan)
        {
            PlanPrinter.Print(PlanReport.Create(config), Json);
            return ExitCode.Success;
        }
        var outcome = TrainRun.Start(config.Validated());
        if (Json)
            Output.Json(outcome);
        else
            TrainRun.Print(outcome, beforeAndAfter: false);
        return TrainRun.End(outcome);
    }
}

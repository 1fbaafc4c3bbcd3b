using CommandLine;
using XClr.Train;

namespace XClr.Cli.Commands;

[Verb("train", HelpText = "Train a network. Values come from the recipe, then the config file, then the command line.")]
public class TrainCommand : OptionTableCommand
{
    [Option("recipe", HelpText = "Embedded recipe to start from: cc3m-LOSS-r50|imagenet-LOSS-r50 (LOSS: xclr|simclr|supcon|clip), demo, compare (default: unset).")]
    public string? Recipe { get; set; }

    [Option("config", HelpText = "JSON file of option names and values [path] (default: unset).")]
    public string? Config { get; set; }

    [Option("plan", HelpText = "Print the compiled plan (dispatches, FLOPs, bytes, memory) and end, without using device memory (default: false).")]
    public bool Plan { get; set; }

    [Option("build", HelpText = "With --plan: also allocate, compile and record it on the device, run it once on black images, and print what the driver's compiler says of each kernel (default: false).")]
    public bool Build { get; set; }

    /// <inheritdoc/>
    public override int Run()
    {
        var config = TrainConfig.Resolve(Recipe, Config, Given);
        RequireUsed(config);
        Require(Plan || !Build, "--build belongs to --plan: train --plan --build.");
        if (Plan)
        {
            PrintPlan(config);
            return ExitCode.Success;
        }
        return TrainRun.Run(config, Json);
    }

    private void PrintPlan(TrainConfig config)
    {
        if (!Build)
        {
            var report = PlanReport.Create(config);
            if (Json)
            {
                Output.Json(PlanPrinter.Facts(report));
            }
            else
            {
                PlanPrinter.Print(report);
            }
            return;
        }
        var build = PlanBuild.Create(config);
        if (Json)
        {
            Output.Json(PlanPrinter.Facts(build));
        }
        else
        {
            PlanPrinter.Print(build);
        }
    }
}

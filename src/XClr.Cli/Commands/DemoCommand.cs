using CommandLine;
using XClr.Train;

namespace XClr.Cli.Commands;

[Verb("demo", HelpText = "Train a ResNet-50 on Fashion-MNIST in a few minutes and compare it with its untrained self; takes every option of train.")]
public class DemoCommand : OptionTableCommand
{
    /// <inheritdoc/>
    public override int Run()
    {
        var outcome = TrainRun.Start(TrainConfig.Resolve("demo", null, Given).Validated());
        if (Json)
            Output.Json(outcome);
        else
            TrainRun.Print(outcome);
        return TrainRun.End(outcome);
    }
}

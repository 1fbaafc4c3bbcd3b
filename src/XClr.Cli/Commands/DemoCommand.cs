using CommandLine;
using XClr.Train;

namespace XClr.Cli.Commands;

[Verb("demo", HelpText = "Train a ResNet-50 on Fashion-MNIST in a few minutes and compare it with its untrained self; takes train's options, except --recipe, --config, --plan and --build.")]
public class DemoCommand : OptionTableCommand
{
    /// <inheritdoc/>
    public override int Run()
    {
        var config = TrainConfig.Resolve("demo", null, Given);
        RequireUsed(config);
        return TrainRun.Run(config, Json);
    }
}

using CommandLine;
using XClr.Data;
using XClr.Nn;
using XClr.Nn.Weights;
using XClr.Text;
using XClr.Train;

namespace XClr.Cli.Commands;

[Verb("inspect", HelpText = "Show what a data set holds (counts, sizes, first captions, bad samples) or a checkpoint (names, shapes, config).")]
public sealed class InspectCommand : DatasetCommand
{
    [Value(0, MetaName = "path", Required = true, HelpText = "A data set, a run folder, a step folder or a .safetensors file.")]
    public string Path { get; set; } = "";

    [Option("limit", HelpText = "Samples to look at; 0: all [samples].")]
    public long Limit { get; set; }

    [Option("first", Default = 5, HelpText = "Samples to show, and bad ones [samples].")]
    public int First { get; set; } = 5;

    [Option("text-encoder", Default = CaptionEmbedder.Default, HelpText = "Encoder used to count nearly equal captions (the first 2,000 different ones are compared) [name or path].")]
    public string TextEncoder { get; set; } = CaptionEmbedder.Default;

    [Option("views", HelpText = "Also write a picture of augmented views, a row per sample: what the network sees [.png].")]
    public string? Views { get; set; }

    [Option("recipe", HelpText = "Recipe whose augmentation --views shows [name].")]
    public string? Recipe { get; set; }

    [Option("config", HelpText = "Config file whose augmentation --views shows [path].")]
    public string? Config { get; set; }

    [Option("augment", HelpText = "Augmentation preset of --views: simclr|light|none.")]
    public string? Augment { get; set; }

    [Option("image-size", HelpText = "Side of the views [pixels].")]
    public string? ImageSize { get; set; }

    [Option("seed", HelpText = "Seed of the views [number].")]
    public string? Seed { get; set; }

    [Option("device", HelpText = "Vulkan device of --views; unset: XCLR_DEVICE, else the best one [index, name or UUID].")]
    public string? Device { get; set; }

    /// <inheritdoc/>
    public override int Run()
    {
        RequireAtLeast("--limit", Limit, 0);
        RequireAtLeast("--first", First, 0);
        if (Views is null)
        {
            RequireUnused("of --views, which is not given.", new[] { ("--recipe", Recipe), ("--config", Config), ("--augment", Augment), ("--image-size", ImageSize), ("--seed", Seed), ("--device", Device) }.Select(o => (o.Item1, o.Item2 is not null)));
        }
        RequireOutput("--views", Views, ("the path", Path));
        Require(Views is null || Views.EndsWith(".png", StringComparison.OrdinalIgnoreCase), $"--views {Views}: a PNG is written; end its name with .png.");
        if (IsCheckpoint(Path))
        {
            Require(Views is null, $"--views {Views}: shows the images of a data set, and {Path} is a checkpoint.");
            CheckpointReport.Create(CheckpointPath.Resolve(Path)).Print(Json);
            return ExitCode.Success;
        }
        using var signals = new StopSignals(Console.Error.WriteLine, "nothing is shown; what was fetched and counted is kept");
        using var dataset = OpenDataset(Path, signals.Token);
        var config = Views is null ? null : ViewConfig();
        DatasetReport.Create(dataset, Limit, First, TextEncoder, signals.Token).Print(Json, First);
        if (Views is not null)
        {
            using var device = TrainSetup.OpenDevice(Device);
            ViewSheet.Write(Views, device, dataset, config!.AugmentStrengths, TrainSetup.Images(config), config.Seed);
            Console.Error.WriteLine($"views: {Views}");
        }
        return ExitCode.Success;
    }

    private TrainConfig ViewConfig()
    {
        var given = new (string Name, string? Text)[] { ("augment", Augment), ("image-size", ImageSize), ("seed", Seed) }
            .Where(g => g.Text is not null).Select(g => new KeyValuePair<string, string>(g.Name, g.Text!)).ToList();
        return TrainConfig.Resolve(Recipe, Config, given).Validated(requireData: false);
    }

    private static bool IsCheckpoint(string path) =>
        WeightFiles.Extensions.Any(e => e != ".tar" && path.EndsWith(e, StringComparison.OrdinalIgnoreCase)) || CheckpointPath.Exists(path)
        || new[] { "state.json", "model.safetensors", "latest" }.Any(n => File.Exists(System.IO.Path.Combine(path, n)));
}

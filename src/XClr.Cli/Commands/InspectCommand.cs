using CommandLine;
using XClr.Nn;

namespace XClr.Cli.Commands;

[Verb("inspect", HelpText = "Show what a data set holds (counts, sizes, first captions, bad samples) or a checkpoint (names, shapes, config).")]
public sealed class InspectCommand : DatasetCommand
{
    [Value(0, MetaName = "path", Required = true, HelpText = "A data set, a run folder, a step folder or a .safetensors file.")]
    public string Path { get; set; } = "";

    [Option("limit", HelpText = "Samples to look at; 0: all [samples].")]
    public long Limit { get; set; }

    [Option("first", Default = 5, HelpText = "Captions to show [captions].")]
    public int First { get; set; } = 5;

    /// <inheritdoc/>
    public override int Run()
    {
        Require(Limit >= 0, $"--limit {Limit}: allowed: a whole number from 0 up.");
        Require(First >= 0, $"--first {First}: allowed: a whole number from 0 up.");
        if (IsCheckpoint(Path))
        {
            CheckpointReport.Create(CheckpointPath.Resolve(Path)).Print(Json);
            return Train.ExitCode.Success;
        }
        using var dataset = OpenDataset(Path);
        DatasetReport.Create(dataset, Limit, First).Print(Json);
        return Train.ExitCode.Success;
    }

    private static bool IsCheckpoint(string path) =>
        path.EndsWith(".safetensors", StringComparison.OrdinalIgnoreCase) || CheckpointPath.Exists(path)
        || new[] { "state.json", "model.safetensors", "latest" }.Any(n => File.Exists(System.IO.Path.Combine(path, n)));
}

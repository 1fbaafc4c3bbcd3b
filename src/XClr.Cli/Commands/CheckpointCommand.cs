using CommandLine;

namespace XClr.Cli.Commands;

/// <summary>Verbs that run a checkpoint over a data set.</summary>
public abstract class CheckpointCommand : DatasetCommand
{
    [Option("checkpoint", Required = true, HelpText = "A run folder (its latest), a step folder or a .safetensors file [path].")]
    public string Checkpoint { get; set; } = "";

    [Option("batch-size", Default = 64, HelpText = "Images per run of the network [images].")]
    public int BatchSize { get; set; } = 64;

    [Option("workers", HelpText = "Decoding threads; 0: one per core [threads].")]
    public int Workers { get; set; }

    [Option("device", HelpText = "Vulkan device; unset: XCLR_DEVICE, else the best one [index, name or UUID].")]
    public string? Device { get; set; }

    /// <summary>Checks --batch-size.</summary>
    protected void RequireBatchSize() => Require(BatchSize >= 1, $"--batch-size {BatchSize}: allowed: a whole number from 1 up.");
}

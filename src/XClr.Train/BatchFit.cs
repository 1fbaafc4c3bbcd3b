using XClr.Gpu;
using XClr.Nn;

namespace XClr.Train;

/// <summary>Which batches a device can hold: for `--micro-batch auto`, and for messages about one that it cannot.</summary>
internal static class BatchFit
{
    /// <summary>The batch of a configuration as its user asked for it.</summary>
    public static string Asked(TrainConfig config) =>
        $"--batch-size {config.BatchSize}{(config.MicroBatch is > 0 and var size && size < config.BatchSize ? $" in --micro-batch {size}" : "")} at {config.ImageSize} pixels";

    /// <summary>What to ask for instead: the whole batch in smaller parts, or the largest batch that is held at once; null where there is neither.</summary>
    public static string? Instead(DeviceCaps caps, TrainConfig config, ObjectiveSpec objective)
    {
        var micro = LargestMicroBatch(caps, config, objective) is { } part ? $"--micro-batch {part} trains the whole batch" : null;
        var batch = LargestBatch(caps, config, objective) is > 1 and var largest ? $"the largest --batch-size that fits is {largest}" : null;
        return batch is not null && micro is not null ? $"{micro}; {batch}" : batch ?? micro;
    }

    /// <summary>The largest divisor of the batch such that the device can hold the step in micro-batches of that size, the batch itself included; null where there is none.</summary>
    public static int? LargestMicroBatch(DeviceCaps caps, TrainConfig config, ObjectiveSpec objective) =>
        Enumerable.Range(1, config.BatchSize).Where(k => config.BatchSize % k == 0).Select(k => (int?)(config.BatchSize / k))
            .FirstOrDefault(size => Fits(caps, config with { MicroBatch = size }, objective));

    // The largest batch below the one asked for whose step, at once, the device can hold; 0 where there is none. Where a stage begins to keep no outputs of its last convolutions (MomentNormOp) a larger batch takes a little less
    // memory than a smaller one: next to such a batch a larger one than is found may fit.
    private static int LargestBatch(DeviceCaps caps, TrainConfig config, ObjectiveSpec objective)
    {
        var (fits, fails) = (0, config.BatchSize);
        while (fails - fits > 1)
        {
            var middle = (fits + fails) / 2;
            (fits, fails) = Fits(caps, config with { BatchSize = middle, MicroBatch = 0 }, objective with { Samples = middle }) ? (middle, fails) : (fits, middle);
        }
        return fits;
    }

    private static bool Fits(DeviceCaps caps, TrainConfig config, ObjectiveSpec objective)
    {
        try
        {
            using var graph = new TrainGraph(caps, TrainGraph.RecordOnce(caps), config, objective);
            return graph.Fits;
        }
        catch (Exception e) when (e is GpuException or ShapeException)
        {
            return false;
        }
    }
}

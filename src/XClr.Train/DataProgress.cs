using XClr.Data;
using XClr.Nn;

namespace XClr.Train;

/// <summary>How far a run is in its data, as checkpoints say it.</summary>
/// <param name="Position">Epoch, and raw samples of it.</param>
/// <param name="Samples">Raw samples of an epoch; null where a host brings the samples.</param>
/// <param name="Skipped">Samples that were left out since the run began.</param>
internal readonly record struct DataProgress(StreamPosition Position, long? Samples = null, long Skipped = 0)
{
    /// <summary>What a checkpoint says.</summary>
    public static DataProgress Of(CheckpointState state) => new(new StreamPosition(state.Epoch, state.DataPosition), state.Samples, state.SkippedSamples ?? 0);
}

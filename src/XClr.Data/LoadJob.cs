using System.Runtime.ExceptionServices;

namespace XClr.Data;

/// <summary>Where a worker asks for room before it takes a buffer.</summary>
internal interface IMemoryGate
{
    /// <summary>Returns when so many decoded bytes may wait for the consumer.</summary>
    void Reserve(long bytes);
}

/// <summary>
/// A raw sample on its way through a <see cref="SampleStream"/>. Result, Fault and Error are written by one worker before Done is set under the stream's
/// lock, and read after.
/// </summary>
internal sealed class LoadJob(SampleStream stream) : IMemoryGate
{
    public RawSample? Raw { get; init; }

    public int Epoch { get; init; }

    public long Index { get; init; }

    public bool EndsEpoch { get; init; }

    public bool Done { get; set; }

    public long Bytes { get; set; }

    public Sample? Result { get; set; }

    public ImageDecodeException? Fault { get; set; }

    public ExceptionDispatchInfo? Error { get; set; }

    /// <inheritdoc/>
    public void Reserve(long bytes) => stream.Reserve(this, bytes);
}

using System.Runtime.ExceptionServices;

namespace XClr.Data;

/// <summary>Where a worker asks for room before it takes a buffer.</summary>
internal interface IMemoryGate
{
    /// <summary>Returns when so many decoded bytes, in place of those reserved before, may wait for the consumer; at once where they are fewer.</summary>
    void Reserve(long bytes);
}

/// <summary>
/// A raw sample on its way through a <see cref="LoadQueue"/>. Result, Fault and Error are written by one worker before Done is set under the queue's lock, and read after. The queue
/// uses it again for a later sample.
/// </summary>
internal sealed class LoadJob(LoadQueue queue) : IMemoryGate
{
    public RawSample? Raw { get; private set; }

    public int Epoch { get; private set; }

    public long Index { get; private set; }

    public bool EndsEpoch { get; private set; }

    public bool Done { get; set; }

    public long Bytes { get; set; }

    public Sample? Result { get; set; }

    public ImageDecodeException? Fault { get; set; }

    public ExceptionDispatchInfo? Error { get; set; }

    /// <summary>Begins anew with a raw sample at its place; null: the end of the epoch.</summary>
    public LoadJob Begin(RawSample? raw, int epoch, long index)
    {
        (Raw, Epoch, Index) = (raw, epoch, index);
        EndsEpoch = Done = raw is null;
        (Bytes, Result, Fault, Error) = (0, null, null, null);
        return this;
    }

    /// <inheritdoc/>
    public void Reserve(long bytes) => queue.Reserve(this, bytes);
}

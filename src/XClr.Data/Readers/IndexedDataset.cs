namespace XClr.Data.Readers;

/// <summary>A set that knows all its samples: shuffling is one permutation of them all.</summary>
public abstract class IndexedDataset : IImageDataset
{
    private protected ObjectPool<RawSample> Samples { get; } = RawSample.NewPool();

    /// <inheritdoc/>
    public abstract string Name { get; }

    /// <inheritdoc/>
    public abstract string Format { get; }

    /// <inheritdoc/>
    public abstract IReadOnlyList<string>? Classes { get; }

    /// <inheritdoc/>
    public abstract long Count { get; }

    /// <summary>Sample <paramref name="index"/> of the files' own order.</summary>
    public abstract RawSample Get(int index);

    /// <inheritdoc/>
    public IEnumerable<RawSample> Read(ReadOrder order)
    {
        var count = checked((int)Count);
        if (!order.Shuffle)
        {
            for (var i = order.Rank; i < count; i += order.WorldSize)
            {
                yield return Get(i);
            }
            yield break;
        }
        var indices = new int[count];
        for (var i = 0; i < count; i++)
        {
            indices[i] = i;
        }
        new SeededRandom(order.Seed, RandomPurpose.ShuffleBuffer, order.Epoch).Shuffle<int>(indices);
        foreach (var index in order.Part(indices))
        {
            yield return Get(index);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Releases files.</summary>
    protected virtual void Dispose(bool disposing)
    {
    }
}

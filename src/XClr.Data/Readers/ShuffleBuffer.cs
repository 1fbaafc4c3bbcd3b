namespace XClr.Data.Readers;

/// <summary>Streaming shuffle: each next sample is drawn from a bounded buffer that the source refills.</summary>
internal static class ShuffleBuffer
{
    private static readonly ObjectPool<List<RawSample>> Buffers = new(_ => []);

    /// <summary>
    /// The source's samples in an order that depends on (seed, epoch) and the source alone. The buffer holds at most
    /// <see cref="ReadOrder.BufferSize"/> samples and little more than <see cref="ReadOrder.BufferBytes"/> of image bytes.
    /// </summary>
    public static IEnumerable<RawSample> Shuffle(IEnumerable<RawSample> source, ReadOrder order)
    {
        var random = new SeededRandom(order.Seed, RandomPurpose.ShuffleBuffer, order.Epoch);
        var buffer = Buffers.Rent();
        var held = 0L;
        try
        {
            foreach (var sample in source)
            {
                buffer.Add(sample);
                held += sample.Image?.HeldBytes ?? 0;
                while (buffer.Count >= Math.Max(1, order.BufferSize) || (held > order.BufferBytes && buffer.Count > 0))
                {
                    yield return Take(buffer, ref random, ref held);
                }
            }
            while (buffer.Count > 0)
            {
                yield return Take(buffer, ref random, ref held);
            }
        }
        finally
        {
            buffer.Clear();
            Buffers.Return(buffer);
        }
    }

    private static RawSample Take(List<RawSample> buffer, ref SeededRandom random, ref long held)
    {
        var at = random.Below(buffer.Count);
        var sample = buffer[at];
        buffer[at] = buffer[^1];
        buffer.RemoveAt(buffer.Count - 1);
        held -= sample.Image?.HeldBytes ?? 0;
        return sample;
    }
}

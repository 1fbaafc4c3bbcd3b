namespace XClr.Data.Readers;

/// <summary>In which order an epoch goes through shards, who reads which, and how many may be lost.</summary>
internal static class ShardOrder
{
    private const int FewestLost = 2;

    /// <summary>
    /// The samples of one rank's part of an epoch. Shards are shuffled by (seed, epoch), their samples in a buffer. <paramref name="begin"/> is told of the shard that
    /// follows the one being read.
    /// </summary>
    /// <exception cref="DataException">More than a tenth of the shards, and more than two, are lost in whole or in part.</exception>
    public static IEnumerable<RawSample> Read(string name, IReadOnlyList<string> shards, ReadOrder order, Func<string, IEnumerable<RawSample>> read, Action<string>? begin = null)
    {
        var all = shards.ToArray();
        if (order.Shuffle)
        {
            new SeededRandom(order.Seed, RandomPurpose.ShardOrder, order.Epoch).Shuffle<string>(all);
        }
        var byShard = all.Length >= order.WorldSize;
        var own = byShard ? [.. order.Part(all)] : all;
        var samples = InTurn(name, own, read, begin);
        samples = byShard ? samples : order.Part(samples);
        return order.Shuffle ? ShuffleBuffer.Shuffle(samples, order) : samples;
    }

    private static IEnumerable<RawSample> InTurn(string name, string[] shards, Func<string, IEnumerable<RawSample>> read, Action<string>? begin)
    {
        var lost = 0;
        for (var i = 0; i < shards.Length; i++)
        {
            if (i + 1 < shards.Length)
            {
                begin?.Invoke(shards[i + 1]);
            }
            foreach (var sample in read(shards[i]))
            {
                // The sample is its receiver's once it is handed out.
                var (fault, detail) = (sample.Fault, sample.FaultDetail);
                yield return sample;
                if (fault is SampleFault.BrokenShard or SampleFault.Unreadable && ++lost > Math.Max(FewestLost, ShardList.MaxMissing * shards.Length))
                {
                    throw new DataException($"'{name}': {lost} of {shards.Length} shards could not be read to their end, the last one {shards[i]} ({detail}). Fetch them again, or leave them out.");
                }
            }
        }
    }
}

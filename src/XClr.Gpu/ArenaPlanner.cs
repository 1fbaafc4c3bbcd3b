namespace XClr.Gpu;

/// <summary>
/// Offsets for buffers with known lifetimes, such that two buffers that live at the same time never overlap. Greedy best fit: place the largest
/// first, each at the tightest gap between the buffers already placed whose lifetimes meet its own. A block is at most maxBlockBytes, but for a buffer that
/// alone is larger: it gets one of its own, so that what it would take is known.
/// </summary>
internal sealed class ArenaPlanner(long alignment, long maxBlockBytes, bool shareMemory)
{
    private readonly List<List<(long Offset, long End, int First, int Last)>> blocks = [];

    /// <summary>Bytes each block must have.</summary>
    public IReadOnlyList<long> BlockBytes => [.. blocks.Select(b => b.Max(p => p.End))];

    public (int Block, long Offset) Place(long bytes, int first, int last)
    {
        var size = Arena.RoundUp(bytes, alignment);
        for (var b = 0; b < blocks.Count; b++)
        {
            if (BestOffset(blocks[b], size, first, last) is { } offset)
            {
                blocks[b].Add((offset, offset + size, first, last));
                return (b, offset);
            }
        }
        blocks.Add([(0, size, first, last)]);
        return (blocks.Count - 1, 0);
    }

    private long? BestOffset(List<(long Offset, long End, int First, int Last)> block, long size, int first, int last)
    {
        var neighbours = block.Where(p => !shareMemory || (p.First <= last && first <= p.Last)).OrderBy(p => p.Offset);
        long cursor = 0, best = -1, bestGap = long.MaxValue;
        foreach (var (offset, end, _, _) in neighbours)
        {
            var gap = offset - cursor;
            if (gap >= size && gap < bestGap)
            {
                (best, bestGap) = (cursor, gap);
            }
            cursor = Math.Max(cursor, end);
        }
        if (best >= 0)
        {
            return best;
        }
        return cursor + size <= maxBlockBytes ? cursor : null;
    }
}

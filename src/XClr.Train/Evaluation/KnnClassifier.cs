using XClr.Gpu;

namespace XClr.Train.Evaluation;

/// <summary>
/// Weighted k nearest neighbours by cosine: each of the k most similar bank rows votes for its label with weight exp(similarity / 0.1); ties go to the lower label. The
/// neighbours are found on the device (<see cref="NearestRows"/>).
/// </summary>
public static class KnnClassifier
{
    /// <summary>Temperature of the votes.</summary>
    public const double VoteTemperature = 0.1;

    /// <summary>k by the size of the bank: 200 from 100,000 images on, else 20, and never more than there are.</summary>
    public static int NeighboursFor(int bank) => Math.Min(bank, bank >= 100_000 ? 200 : 20);

    /// <summary>Each class's share of the votes of every query, [m,classes]; a row sums to 1.</summary>
    /// <param name="device">Where the neighbours are found.</param>
    /// <param name="bank">Features [n,F].</param>
    /// <param name="bankLabels">Labels [n], 0 to classes - 1.</param>
    /// <param name="classes">Number of classes.</param>
    /// <param name="queries">Features [m,F].</param>
    /// <param name="k">Neighbours that vote; null = <see cref="NeighboursFor"/>.</param>
    /// <param name="stop">Ends it between two parts.</param>
    public static RowMatrix Votes(GpuDevice device, RowMatrix bank, int[] bankLabels, int classes, RowMatrix queries, int? k = null, CancellationToken stop = default)
    {
        var shares = new RowMatrix(classes);
        foreach (var neighbours in NearestRows.Find(device, bank, queries, k ?? NeighboursFor(bankLabels.Length), stop))
        {
            shares.Add(Shares(neighbours, bankLabels, classes));
        }
        return shares;
    }

    private static float[] Shares(Neighbour[] neighbours, int[] labels, int classes)
    {
        var votes = new double[classes];
        foreach (var (row, similarity) in neighbours)
        {
            votes[labels[row]] += Math.Exp(similarity / VoteTemperature);
        }
        var sum = votes.Sum();
        return [.. votes.Select(v => (float)(v / sum))];
    }
}

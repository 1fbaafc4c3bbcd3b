namespace XClr.TestKit.References;

/// <summary>The k best rows of each query, best first: larger similarity, then the earlier row.</summary>
public static class TopKReference
{
    /// <summary>bank: similarities row by row, [rows,queries]. Result: [queries][k] of row and similarity.</summary>
    public static (int Row, double Value)[][] Best(double[] bank, int queries, int k) =>
        [.. Enumerable.Range(0, queries).Select(q => Enumerable.Range(0, bank.Length / queries).Select(r => (r, bank[r * queries + q])).OrderByDescending(p => p.Item2).ThenBy(p => p.r).Take(k).ToArray())];
}

using XClr.Train.Evaluation;

namespace XClr.Train.Tests.Evaluation;

public class NearestRowsTests
{
    // Bank and queries are more than a slab and a tile of the CPU kernels, and no multiple of them; an odd width. Neighbours may swap only where cosines in double precision differ by fp32's rounding.
    [SkippableTheory, EachDevice]
    public void Slabs_and_tiles_give_the_nearest_of_all(string name)
    {
        const int Width = 9, K = 5;
        var random = new Random(7);
        float[] Numbers(int rows) => RandomValues.Uniform(random, rows * Width);
        var (bank, queries) = (RowMatrix.Of(Numbers(1500), Width), RowMatrix.Of(Numbers(1030), Width));
        var device = TestDevices.Get(name);
        Neighbour[][] found;
        lock (TestDevices.Gate)
        {
            found = NearestRows.Find(device, bank, queries, K, default);
            TestDevices.RequireSilence(device);
        }
        for (var q = 0; q < queries.Count; q += 37)
        {
            var cosines = Enumerable.Range(0, bank.Count).Select(i => Cosine(bank[i], queries[q])).ToArray();
            var best = cosines.OrderDescending().Take(K).ToArray();
            Assert.Equal(K, found[q].Select(n => n.Row).Distinct().Count());
            for (var i = 0; i < K; i++)
            {
                Assert.Equal(best[i], cosines[found[q][i].Row], 1e-6);
                Assert.Equal(best[i], found[q][i].Similarity, 1e-6);
            }
        }
    }

    [SkippableFact]
    public void Fewer_rows_than_neighbours_are_all_neighbours()
    {
        var device = TestDevices.Get(TestDevices.Lavapipe);
        lock (TestDevices.Gate)
        {
            var found = NearestRows.Find(device, RowMatrix.Of([1, 0, 0, 0, 1, 1], 2), RowMatrix.Of([2, 0], 2), 10, default);
            // Cosines 1, 0 (a zero row) and the diagonal's.
            Assert.Equal([0, 2, 1], found[0].Select(n => n.Row));
            Assert.Empty(NearestRows.Find(device, new RowMatrix(2), RowMatrix.Of([2, 0], 2), 10, default)[0]);
        }
    }

    private static double Cosine(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        double ab = 0, aa = 0, bb = 0;
        for (var i = 0; i < a.Length; i++)
        {
            (ab, aa, bb) = (ab + ((double)a[i] * b[i]), aa + ((double)a[i] * a[i]), bb + ((double)b[i] * b[i]));
        }
        return ab / Math.Sqrt(aa * bb);
    }
}

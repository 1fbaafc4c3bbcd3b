namespace XClr.Text.Tests;

/// <summary>The child process of the store's tests: XClr.Text.Tests append STORE NAME BATCHES BATCH, which prints a line after each batch; read STORE CAPTION, which says whether it is there, then what appending it says; and <see cref="StoreScale"/>'s fill and probe.</summary>
internal static class Program
{
    public const int Dimension = 8;

    public static readonly string Fingerprint = new('5', 64);

    private static int Main(string[] args)
    {
        switch (args)
        {
            case ["append", var path, var name, var batches, var batch]:
                return Append(path, name, int.Parse(batches), int.Parse(batch));
            case ["read", var path, var caption]:
                return Read(path, caption);
            case ["fill", var path, var count, var dimension]:
                Console.WriteLine(StoreScale.Fill(path, long.Parse(count), int.Parse(dimension)));
                return 0;
            case ["probe", var path]:
                Console.WriteLine(StoreScale.Probe(path, lookUps: 100_000));
                return 0;
            default:
                return 2;
        }
    }

    private static int Append(string path, string name, int batches, int batch)
    {
        using var store = EmbeddingStore.OpenOrCreate(path, Dimension, EmbeddingType.Float32, Fingerprint);
        for (var i = 0; i < batches; i++)
        {
            var captions = Captions(name, i, batch);
            try
            {
                store.Append(captions, Rows(captions, Dimension));
            }
            catch (IOException e)
            {
                Console.WriteLine("failed " + e.Message);
                return 1;
            }
            Console.WriteLine($"appended {i}");
        }
        return 0;
    }

    private static int Read(string path, string caption)
    {
        using var store = EmbeddingStore.Open(path);
        Console.WriteLine(store.TryGet(caption, new float[Dimension]) ? "there" : "missing");
        try
        {
            store.Append([caption + " anew"], Rows([caption], Dimension));
        }
        catch (IOException e)
        {
            Console.WriteLine("failed " + e.Message);
        }
        return 0;
    }

    public static string[] Captions(string name, int batch, int count) => [.. Enumerable.Range(0, count).Select(i => $"{name} {batch} {i}")];

    /// <summary>Normalised rows [N,dimension] that depend on the captions alone.</summary>
    public static float[] Rows(IReadOnlyList<string> captions, int dimension)
    {
        var rows = new float[captions.Count * dimension];
        for (var i = 0; i < captions.Count; i++)
        {
            var random = new Random((int)CaptionKey.Of(captions[i]).Hash);
            for (var j = 0; j < dimension; j++)
            {
                rows[i * dimension + j] = random.NextSingle() - 0.5f;
            }
            Vectors.Normalize(rows.AsSpan(i * dimension, dimension));
        }
        return rows;
    }
}

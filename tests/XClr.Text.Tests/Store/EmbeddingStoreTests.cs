namespace XClr.Text.Tests;

public class EmbeddingStoreTests
{
    private const int D = Program.Dimension;

    private static EmbeddingStore Create(TempFolder folder, int dimension = D, EmbeddingType type = EmbeddingType.Float32) =>
        EmbeddingStore.OpenOrCreate(folder.File("s.xemb"), dimension, type, Program.Fingerprint);

    private static void AssertHolds(EmbeddingStore store, IReadOnlyList<string> captions)
    {
        var expected = Program.Rows(captions, store.Dimension);
        var row = new float[store.Dimension];
        for (var i = 0; i < captions.Count; i++)
        {
            Assert.True(store.TryGet(captions[i], row), captions[i]);
            Assert.Equal(expected.AsSpan(i * row.Length, row.Length).ToArray(), row);
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(384)]
    public void Keeps_rows_exactly_across_openings(int dimension)
    {
        using var folder = new TempFolder();
        string[] captions = ["a cat", "", "a c\uD800t", new string('x', 5000), "ein Vögelchen"];
        using (var store = Create(folder, dimension))
        {
            Assert.False(store.TryGet("a cat", new float[dimension]));
            Assert.Equal(5, store.Append(captions, Program.Rows(captions, dimension)));
            AssertHolds(store, captions);
        }
        using var again = EmbeddingStore.Open(folder.File("s.xemb"));
        Assert.Equal((dimension, EmbeddingType.Float32, Program.Fingerprint, 5), (again.Dimension, again.Type, again.Fingerprint, again.Count));
        AssertHolds(again, captions);
        Assert.False(again.TryGet("a dog", new float[dimension]));
    }

    [Fact]
    public void What_is_there_stays_and_repeats_are_kept_once()
    {
        using var folder = new TempFolder();
        using var store = Create(folder, 2);
        Assert.Equal(2, store.Append(["a", "b", "a"], [1, 0, 0, 1, 0.6f, 0.8f]));
        Assert.Equal(1, store.Append(["a", "c"], [0, 1, 0, 0]));
        var row = new float[2];
        Assert.True(store.TryGet("a", row));
        Assert.Equal([1, 0], row);
        Assert.True(store.TryGet("c", row));
        Assert.Equal([0, 0], row);
        Assert.Equal(3, store.Count);
    }

    [Fact]
    public void Half_precision_is_within_its_bound_and_normalised()
    {
        using var folder = new TempFolder();
        const int dimension = 384;
        var captions = Program.Captions("half", 0, 200);
        var rows = Program.Rows(captions, dimension);
        using var store = Create(folder, dimension, EmbeddingType.Float16);
        store.Append(captions, rows);
        store.Append(["zero"], new float[dimension]);
        var row = new float[dimension];
        for (var i = 0; i < captions.Length; i++)
        {
            Assert.True(store.TryGet(captions[i], row));
            // text.md's bound; half precision's own step at 1 is 5e-4.
            for (var j = 0; j < dimension; j++)
            {
                Assert.InRange(row[j] - rows[i * dimension + j], -1e-3f, 1e-3f);
            }
            Assert.Equal(1, row.Sum(x => (double)x * x), 1e-6);
        }
        Assert.True(store.TryGet("zero", row));
        Assert.All(row, x => Assert.Equal(0, x));
    }

    [Fact]
    public void Grows_through_several_tables()
    {
        using var folder = new TempFolder();
        using (var store = Create(folder))
        {
            for (var batch = 0; batch < 25; batch++)
            {
                var captions = Program.Captions("grow", batch, 1000);
                Assert.Equal(1000, store.Append(captions, Program.Rows(captions, D)));
            }
        }
        using var again = EmbeddingStore.Open(folder.File("s.xemb"));
        Assert.Equal(25_000, again.Count);
        for (var batch = 0; batch < 25; batch++)
        {
            AssertHolds(again, Program.Captions("grow", batch, 1000));
        }
    }

    [Fact]
    public void Room_that_was_reserved_takes_everything_in_one_table()
    {
        using var folder = new TempFolder();
        var captions = Program.Captions("room", 0, 30_000);
        using var store = Create(folder);
        store.Append(captions[..10], Program.Rows(captions[..10], D));
        store.Reserve(captions.Length);
        var reserved = new FileInfo(store.Path).Length;
        store.Reserve(captions.Length);
        store.Append(captions, Program.Rows(captions, D));
        AssertHolds(store, captions);
        // Thirty thousand records and a chunk's header; a table of theirs has more than half a million bytes.
        Assert.Equal(reserved + ChunkHeader.Bytes + (captions.Length - 10L) * new StoreFormat(D, store.Type, store.Fingerprint).Stride, new FileInfo(store.Path).Length);
    }

    [Fact]
    public void Wrong_input_is_refused()
    {
        using var folder = new TempFolder();
        using var store = Create(folder);
        Assert.Throws<ArgumentException>(() => store.Append(["a"], new float[D + 1]));
        Assert.Throws<ArgumentException>(() => store.TryGet("a", new float[D - 1]));
        var row = new float[D];
        row[3] = float.NaN;
        Assert.Contains("a caption", Assert.Throws<ArgumentException>(() => store.Append(["a caption"], row)).Message);
        Assert.Equal(0, store.Count);
    }

    [Fact]
    public void A_different_kind_of_store_is_refused_by_name()
    {
        using var folder = new TempFolder();
        Create(folder).Dispose();
        var path = folder.File("s.xemb");
        Action[] openings =
        [
            () => EmbeddingStore.OpenOrCreate(path, D + 1, EmbeddingType.Float32, Program.Fingerprint),
            () => EmbeddingStore.OpenOrCreate(path, D, EmbeddingType.Float16, Program.Fingerprint),
            () => EmbeddingStore.OpenOrCreate(path, D, EmbeddingType.Float32, new string('6', 64)),
        ];
        Assert.All(openings, open => Assert.Contains(path, Assert.Throws<TextException>(open).Message));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(4095)]
    public void A_file_without_a_header_is_refused_by_name(int length)
    {
        using var folder = new TempFolder();
        File.WriteAllBytes(folder.File("s.xemb"), new byte[length]);
        Assert.Contains(folder.File("s.xemb"), Assert.Throws<TextException>(() => Create(folder)).Message);
    }

    [Fact]
    public void A_corrupt_header_is_refused_by_name()
    {
        using var folder = new TempFolder();
        Create(folder).Dispose();
        var good = File.ReadAllBytes(folder.File("s.xemb"));
        for (var at = 0; at < 60; at++)
        {
            var bad = good.ToArray();
            bad[at] ^= 0x10;
            File.WriteAllBytes(folder.File("s.xemb"), bad);
            Assert.Contains(folder.File("s.xemb"), Assert.Throws<TextException>(() => Create(folder)).Message);
        }
    }

    [Fact]
    public void A_missing_store_is_named() =>
        Assert.Contains("nowhere.xemb", Assert.Throws<TextException>(() => EmbeddingStore.Open(Path.Combine(Path.GetTempPath(), "nowhere.xemb"))).Message);
}

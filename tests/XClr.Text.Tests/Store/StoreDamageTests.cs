namespace XClr.Text.Tests;

/// <summary>What accidents leave behind: nothing wrong is ever read, and the store can be written again.</summary>
public class StoreDamageTests
{
    private const int D = Program.Dimension;
    private const int Batch = 5;
    private static readonly int Stride = new StoreFormat(D, EmbeddingType.Float32, Program.Fingerprint).Stride;

    private static byte[] MakeStore(TempFolder folder, int batches, int batch = Batch)
    {
        using (var store = EmbeddingStore.OpenOrCreate(folder.File("s.xemb"), D, EmbeddingType.Float32, Program.Fingerprint))
        {
            for (var i = 0; i < batches; i++)
            {
                Append(store, i, batch);
            }
        }
        return File.ReadAllBytes(folder.File("s.xemb"));
    }

    private static void Append(EmbeddingStore store, int batch, int count)
    {
        var captions = Program.Captions("c", batch, count);
        store.Append(captions, Program.Rows(captions, D));
    }

    /// <summary>How many captions are found; each that is must be right.</summary>
    private static int CountFound(EmbeddingStore store, int batches, int batch = Batch)
    {
        var (found, row) = (0, new float[D]);
        for (var i = 0; i < batches; i++)
        {
            var captions = Program.Captions("c", i, batch);
            var rows = Program.Rows(captions, D);
            for (var j = 0; j < batch; j++)
            {
                if (!store.TryGet(captions[j], row))
                {
                    continue;
                }
                Assert.Equal(rows.AsSpan(j * D, D).ToArray(), row);
                found++;
            }
        }
        return found;
    }

    [Fact]
    public void Cut_at_every_byte_of_the_tail_it_keeps_every_whole_record()
    {
        using var folder = new TempFolder();
        var whole = MakeStore(folder, 3);
        var chunk = ChunkHeader.Bytes + Batch * Stride;
        var first = whole.Length - 3 * chunk;
        for (var length = first; length < whole.Length; length++)
        {
            File.WriteAllBytes(folder.File("s.xemb"), whole[..length]);
            using var store = EmbeddingStore.Open(folder.File("s.xemb"));
            var (full, rest) = ((length - first) / chunk, (length - first) % chunk);
            Assert.Equal(full * Batch + Math.Max(0, rest - ChunkHeader.Bytes) / Stride, CountFound(store, 3));
            if (length % 16 != 0)
            {
                continue;
            }
            for (var i = 0; i < 3; i++)
            {
                Append(store, i, Batch);
            }
            Assert.Equal(3 * Batch, CountFound(store, 3));
        }
    }

    [Fact]
    public void Cut_inside_a_new_table_it_is_built_again()
    {
        using var folder = new TempFolder();
        const int batch = 2000;
        var whole = MakeStore(folder, 2, batch);
        var table = (int)StoreTable.ChunkBytes(13);
        foreach (var cut in (int[])[1, 16, table / 2, table - 1, table, table + 1])
        {
            File.WriteAllBytes(folder.File("s.xemb"), whole[..^cut]);
            using var store = EmbeddingStore.Open(folder.File("s.xemb"));
            Assert.InRange(CountFound(store, 2, batch), 2 * batch - (cut > table ? 1 : 0), 2 * batch);
            Append(store, 2, batch);
            Assert.InRange(CountFound(store, 3, batch), 3 * batch - 1, 3 * batch);
        }
    }

    [Fact]
    public void Without_its_newest_commit_the_one_before_holds()
    {
        using var folder = new TempFolder();
        var bytes = MakeStore(folder, 3);
        // Commit 1 made the store, 2 to 4 are the batches.
        bytes[StoreFormat.CommitOffset(4) + 16] ^= 1;
        File.WriteAllBytes(folder.File("s.xemb"), bytes);
        using var store = EmbeddingStore.Open(folder.File("s.xemb"));
        Assert.Equal(2 * Batch, CountFound(store, 3));
        Append(store, 2, Batch);
        Assert.Equal(3 * Batch, CountFound(store, 3));
    }

    [Fact]
    public void Without_any_commit_it_is_built_again()
    {
        using var folder = new TempFolder();
        var bytes = MakeStore(folder, 3);
        bytes.AsSpan(1024, 2048).Clear();
        File.WriteAllBytes(folder.File("s.xemb"), bytes);
        using (var store = EmbeddingStore.Open(folder.File("s.xemb")))
        {
            Assert.Equal(3 * Batch, CountFound(store, 3));
            Assert.Equal(3 * Batch, store.Count);
        }
        // A damaged record is none.
        bytes[^1] ^= 1;
        File.WriteAllBytes(folder.File("s.xemb"), bytes);
        using var damaged = EmbeddingStore.Open(folder.File("s.xemb"));
        Assert.Equal(3 * Batch - 1, CountFound(damaged, 3));
        Assert.Equal(3 * Batch - 1, damaged.Count);
    }

    [Fact]
    public void A_damaged_record_is_a_miss_and_can_be_written_again()
    {
        using var folder = new TempFolder();
        var whole = MakeStore(folder, 1);
        for (var at = whole.Length - Stride; at < whole.Length; at++)
        {
            var bytes = whole.ToArray();
            bytes[at] ^= 0x40;
            File.WriteAllBytes(folder.File("s.xemb"), bytes);
            using var store = EmbeddingStore.Open(folder.File("s.xemb"));
            // Bytes 20 to 23 are not used.
            var unused = at - (whole.Length - Stride) is >= 20 and < 24;
            Assert.Equal(unused ? Batch : Batch - 1, CountFound(store, 1));
            Append(store, 0, Batch);
            Assert.Equal(Batch, CountFound(store, 1));
        }
    }

    [Fact]
    public void Slots_of_a_writer_that_died_before_its_commit_do_no_harm()
    {
        using var folder = new TempFolder();
        var before = MakeStore(folder, 1);
        MakeStore(folder, 2);
        var bytes = File.ReadAllBytes(folder.File("s.xemb"));
        before.AsSpan(1024, 2048).CopyTo(bytes.AsSpan(1024));
        File.WriteAllBytes(folder.File("s.xemb"), bytes);
        using var store = EmbeddingStore.Open(folder.File("s.xemb"));
        Assert.Equal(Batch, CountFound(store, 3));
        Append(store, 2, Batch); // lands where the dead writer's records lay
        Assert.Equal(2 * Batch, CountFound(store, 3));
        Append(store, 1, Batch);
        Append(store, 5, 4000); // moves everything to a larger table
        Assert.Equal(3 * Batch, CountFound(store, 3));
    }

    [Fact]
    public void A_table_full_of_dead_slots_is_replaced()
    {
        using var folder = new TempFolder();
        var empty = MakeStore(folder, 0);
        for (var round = 0; round < 3; round++)
        {
            using (var store = EmbeddingStore.Open(folder.File("s.xemb")))
            {
                Append(store, round, 2000);
            }
            var bytes = File.ReadAllBytes(folder.File("s.xemb"));
            if (round == 2)
            {
                break;
            }
            empty.AsSpan(1024, 2048).CopyTo(bytes.AsSpan(1024));
            File.WriteAllBytes(folder.File("s.xemb"), bytes);
        }
        using var full = EmbeddingStore.Open(folder.File("s.xemb"));
        Assert.Equal(2000, full.Count);
        Assert.Equal(2000, CountFound(full, 3, 2000));
    }

    [Fact]
    public void Mutated_stores_are_refused_by_name_or_read_right()
    {
        using var folder = new TempFolder();
        var (whole, random, refused) = (MakeStore(folder, 3), new Random(7), 0);
        // Most of a small store is its first table, of 64 KiB: half of the mutations go elsewhere.
        var table = (Start: StoreFormat.HeaderBytes, End: StoreFormat.HeaderBytes + (int)StoreTable.ChunkBytes(12));
        for (var round = 0; round < 400; round++)
        {
            var bytes = whole.ToArray();
            for (var i = random.Next(1, 30); i > 0; i--)
            {
                var at = random.Next(4) switch { 0 or 1 => random.Next(bytes.Length), 2 => random.Next(table.Start), _ => random.Next(table.End, bytes.Length) };
                if (random.Next(8) == 0)
                {
                    bytes.AsSpan(at, Math.Min(random.Next(1, 200), bytes.Length - at)).Fill((byte)random.Next(256));
                }
                else
                {
                    bytes[at] = (byte)random.Next(256);
                }
            }
            File.WriteAllBytes(folder.File("s.xemb"), random.Next(3) == 0 ? bytes[..random.Next(bytes.Length)] : bytes);
            try
            {
                using var store = EmbeddingStore.Open(folder.File("s.xemb"));
                var found = CountFound(store, 3);
                Append(store, 3, Batch);
                Assert.InRange(CountFound(store, 4), found + Batch, 4 * Batch);
            }
            catch (TextException e)
            {
                Assert.Contains(folder.File("s.xemb"), e.Message);
                refused++;
            }
        }
        Assert.InRange(refused, 1, 399);
    }
}

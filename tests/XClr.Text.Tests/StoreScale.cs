using System.Diagnostics;
using System.Globalization;

namespace XClr.Text.Tests;

/// <summary>A synthetic store of many captions: "caption 0", "caption 1", ... with rows out of <see cref="Block"/> normalised ones in turn. Made and measured by the tests, and by their
/// program: XClr.Text.Tests fill STORE COUNT DIMENSION, and probe STORE in a process of its own.</summary>
internal static class StoreScale
{
    private const int Block = 4096;

    public static string Caption(long i) => string.Create(CultureInfo.InvariantCulture, $"caption {i}");

    /// <summary>Adds what is missing up to a number of captions, in the batches of the real builder. Says how long it took, of the clock and of the processor.</summary>
    public static string Fill(string path, long count, int dimension)
    {
        var rows = Rows(dimension);
        var (clock, processor) = (Stopwatch.StartNew(), Environment.CpuUsage.TotalTime);
        long first;
        using (var store = EmbeddingStore.OpenOrCreate(path, dimension, EmbeddingType.Float32, Program.Fingerprint))
        {
            first = store.Count;
            store.Reserve(count);
            var captions = new List<string>(Block);
            for (var i = first; i < count; i += captions.Count)
            {
                captions.Clear();
                for (var j = i; j < count && j / Block == i / Block; j++)
                {
                    captions.Add(Caption(j));
                }
                store.Append(captions, rows.AsSpan((int)(i % Block) * dimension, captions.Count * dimension));
            }
        }
        var (seconds, busy) = (clock.Elapsed.TotalSeconds, (Environment.CpuUsage.TotalTime - processor).TotalSeconds);
        return string.Create(CultureInfo.InvariantCulture, $"{count - first} captions of {dimension} numbers added in {seconds:0.0} s of the clock and {busy:0.0} s of the processor, {(count - first) / busy / 1000:0} thousand a second of it");
    }

    /// <summary>Opens an empty store, so that what a fresh process loads and compiles for it is told apart, then a filled one ten times, and looks captions up that are there and that are not,
    /// the same ones a second time.</summary>
    /// <exception cref="InvalidOperationException">A caption is missing, or its row is another.</exception>
    public static string Probe(string path, int lookUps)
    {
        using var folder = new TempFolder();
        EmbeddingStore.OpenOrCreate(folder.File("empty.xemb"), 1, EmbeddingType.Float32, Program.Fingerprint).Dispose();
        var times = new double[10];
        for (var i = 0; i < times.Length; i++)
        {
            var clock = Stopwatch.StartNew();
            EmbeddingStore.Open(path).Dispose();
            times[i] = clock.Elapsed.TotalMilliseconds;
        }
        using var store = EmbeddingStore.Open(path);
        var (first, again) = (LookUp(store, lookUps), LookUp(store, lookUps));
        return string.Create(CultureInfo.InvariantCulture,
            $"{store.Count} records, {new FileInfo(path).Length >> 20} MiB: opened in {times[0]:0.00} ms, then in {times[1..].Order().ElementAt(4):0.00} ms (median of 9); a look-up of what is there in " +
            $"{first.Present:0.0} us, again in {again.Present:0.0} us, of what is not in {first.Absent:0.0} us, {first.Allocated + again.Allocated} bytes allocated in all; resident {Resident()}");
    }

    /// <summary>Microseconds of the clock for a look-up of random captions that the store has, the same for captions that it has not, and the bytes that all of them allocate.</summary>
    public static (double Present, double Absent, long Allocated) LookUp(EmbeddingStore store, int lookUps)
    {
        var (random, row, rows) = (new Random(1), new float[store.Dimension], Rows(store.Dimension));
        var indices = Enumerable.Range(0, lookUps).Select(_ => random.NextInt64(store.Count)).ToArray();
        string[] there = [.. indices.Select(Caption)], missing = [.. indices.Select(i => $"another {i}")];
        store.TryGet(missing[0], row);
        var (clock, before) = (Stopwatch.StartNew(), GC.GetAllocatedBytesForCurrentThread());
        for (var i = 0; i < lookUps; i++)
        {
            if (!store.TryGet(there[i], row) || !row.AsSpan().SequenceEqual(rows.AsSpan((int)(indices[i] % Block) * row.Length, row.Length)))
            {
                throw new InvalidOperationException($"'{there[i]}' is missing, or has another row.");
            }
        }
        var present = clock.Elapsed.TotalMicroseconds;
        foreach (var caption in missing)
        {
            if (store.TryGet(caption, row))
            {
                throw new InvalidOperationException($"'{caption}' was found, and never added.");
            }
        }
        return (present / lookUps, (clock.Elapsed.TotalMicroseconds - present) / lookUps, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    private static float[] Rows(int dimension)
    {
        var (random, rows) = (new Random(3), new float[Block * dimension]);
        for (var i = 0; i < rows.Length; i++)
        {
            rows[i] = random.NextSingle() - 0.5f;
        }
        for (var i = 0; i < Block; i++)
        {
            Vectors.Normalize(rows.AsSpan(i * dimension, dimension));
        }
        return rows;
    }

    // Pages of the file that were read count among them; "anonymous" are those that are the process's own.
    private static string Resident()
    {
        if (!OperatingSystem.IsLinux())
        {
            return $"{Environment.WorkingSet >> 20} MiB";
        }
        var lines = File.ReadLines("/proc/self/status").Select(l => l.Split(':', 2)).ToDictionary(p => p[0], p => p[1].Trim());
        return $"{lines["VmRSS"]}, anonymous {lines["RssAnon"]}";
    }
}

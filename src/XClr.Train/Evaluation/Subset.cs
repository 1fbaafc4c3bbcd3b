using System.Globalization;
using XClr.Data;

namespace XClr.Train.Evaluation;

/// <summary>Which part of the training images counts: all, a share of each class drawn with a fixed seed, or those that a list names (SimCLR's 1percent.txt and 10percent.txt).</summary>
/// <param name="Name">As the user gave it; results carry it.</param>
/// <param name="Share">0 to 1; null for a list.</param>
/// <param name="Files">Names of a list, without folders and endings; null for a share.</param>
public sealed record Subset(string Name, double? Share, IReadOnlySet<string>? Files)
{
    private const int Seed = 0;

    /// <summary>All images.</summary>
    public static Subset All { get; } = new("1", 1, null);

    /// <summary>True where nothing is left out.</summary>
    public bool IsAll => Share == 1;

    /// <summary>Reads "0.01,0.1,1" or paths of lists, mixed.</summary>
    /// <exception cref="UsageException">A part is neither a share nor a file.</exception>
    public static IReadOnlyList<Subset> Parse(string text)
    {
        var parts = text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        return parts.Length > 0 ? [.. parts.Select(One)] : throw new UsageException($"--fraction '{text}' names no part; allowed: numbers above 0, up to 1, and paths of lists of files, with commas between them.");
    }

    /// <summary>The rows that count, in order.</summary>
    /// <exception cref="DataException">A list names none of them.</exception>
    public int[] Of(IReadOnlyList<string> keys, int[] labels)
    {
        if (Files is not null)
        {
            int[] named = [.. Enumerable.Range(0, keys.Count).Where(i => Files.Contains(Path.GetFileNameWithoutExtension(keys[i])))];
            return named.Length > 0 ? named : throw new DataException($"--fraction {Name}: none of its {Files.Count} names is among the {keys.Count} training images (the first is '{keys[0]}').");
        }
        var random = new Random(Seed);
        return [.. Enumerable.Range(0, keys.Count).GroupBy(i => labels[i]).OrderBy(g => g.Key).SelectMany(g =>
        {
            int[] rows = [.. g];
            random.Shuffle(rows);
            return rows.Take(Math.Max(1, (int)Math.Round(Share!.Value * rows.Length)));
        }).Order()];
    }

    private static Subset One(string text)
    {
        if (double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var share))
        {
            return share is > 0 and <= 1 ? new Subset(text, share, null) : throw new UsageException($"--fraction {text}: allowed: a number above 0, up to 1, or the path of a list of files.");
        }
        return File.Exists(text)
            ? new Subset(Path.GetFileNameWithoutExtension(text), null, File.ReadLines(text).Select(l => Path.GetFileNameWithoutExtension(l.Trim())).Where(l => l.Length > 0).ToHashSet(StringComparer.Ordinal))
            : throw new UsageException($"--fraction '{text}' is neither a number above 0, up to 1, nor a file.");
    }
}

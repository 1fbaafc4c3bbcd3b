using System.IO.Enumeration;

namespace XClr.Data.Readers;

/// <summary>What the files are that a specification names.</summary>
public enum ShardKind
{
    /// <summary>.tar, .tar.gz or .tgz.</summary>
    Tar,

    /// <summary>.parquet.</summary>
    Parquet,
}

/// <summary>Expands what names shards: brace ranges, `::` between parts, `*` and `?`, folders.</summary>
public static class ShardList
{
    private const int MaxShards = 1_000_000;

    private static readonly string[] Suffixes = [".tar", ".tar.gz", ".tgz"];

    // Of a set that was fetched over days a few shards may be missing; where more are, the specification is wrong.
    internal const double MaxMissing = 0.1;

    /// <summary>Whether a file name is a shard's.</summary>
    public static bool IsShard(string path, ShardKind kind = ShardKind.Tar) => kind == ShardKind.Parquet
        ? path.EndsWith(".parquet", StringComparison.OrdinalIgnoreCase)
        : Stem(path) is not null;

    /// <summary>A .tar shard's path or address without its suffix, which its sidecars share; null where it has none.</summary>
    internal static string? Stem(string path)
    {
        foreach (var suffix in Suffixes)
        {
            if (WithoutQuery(path).EndsWith(suffix, StringComparison.OrdinalIgnoreCase))
            {
                return WithoutQuery(path)[..^suffix.Length].ToString();
            }
        }
        return null;
    }

    /// <summary>A specification that means the same from every folder: local parts in full, without a separator at their end.</summary>
    internal static string FullName(string specification) => string.Join("::", specification.Split("::", StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
        .Select(part => part.Contains("://", StringComparison.Ordinal) ? part : Path.TrimEndingDirectorySeparator(Path.GetFullPath(part))));

    private static ReadOnlySpan<char> WithoutQuery(string path) =>
        ShardDownloads.IsAddress(path) && path.IndexOf('?', StringComparison.Ordinal) is >= 0 and var query ? path.AsSpan(0, query) : path;

    /// <summary>
    /// The shards' paths: the parts in the order given, the files of a folder or pattern in ordinal order. Up to a tenth of them may be missing: whoever reads them
    /// reports those.
    /// </summary>
    /// <exception cref="DataException">A part names nothing, or more than a tenth of the listed shards do not exist.</exception>
    public static IReadOnlyList<string> Expand(string specification, ShardKind kind = ShardKind.Tar)
    {
        if (Path.Exists(specification))
        {
            return [.. ExpandPath(specification, kind)];
        }
        var shards = new List<string>();
        foreach (var part in specification.Split("::", StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            if (part.StartsWith("pipe:", StringComparison.Ordinal))
            {
                throw new DataException($"'{part}': pipe: runs a command of the data set's author, which is not done here; write the command's output to files and name those.");
            }
            if (part.Contains("://", StringComparison.Ordinal) && !(kind == ShardKind.Tar && ShardDownloads.IsAddress(part)))
            {
                throw new DataException($"'{part}': {(kind == ShardKind.Tar ? "shards are read from local files and from http and https addresses" : ".parquet shards are read from local files")}: download them first.");
            }
            foreach (var path in ExpandBraces(part))
            {
                shards.AddRange(ShardDownloads.IsAddress(path) ? [path] : ExpandPath(path, kind));
            }
        }
        var missing = shards.Where(s => !ShardDownloads.IsAddress(s) && !File.Exists(s)).ToList();
        if (missing.Count > MaxMissing * shards.Count)
        {
            throw new DataException(
                $"{missing.Count} of {shards.Count} shards of '{specification}' do not exist: {string.Join(", ", missing.Take(3))}" +
                $"{(missing.Count > 3 ? ", ..." : "")}. Check the folder and the range in braces.");
        }
        return shards;
    }

    /// <summary>`a{0..2}b` and `{x,y}`, several of them too; a range keeps its leading zeros.</summary>
    internal static IEnumerable<string> ExpandBraces(string text)
    {
        var open = text.IndexOf('{');
        var close = open < 0 ? -1 : text.IndexOf('}', open);
        if (close < 0)
        {
            return [text];
        }
        var (before, inside) = (text[..open], text[(open + 1)..close]);
        var tails = ExpandBraces(text[(close + 1)..]).ToList();
        return Alternatives(inside).SelectMany(middle => tails.Select(tail => before + middle + tail));
    }

    private static IEnumerable<string> Alternatives(string inside)
    {
        if (inside.Split("..") is not [var first, var last])
        {
            return inside.Contains(',') ? inside.Split(',') : ["{" + inside + "}"];
        }
        if (!int.TryParse(first, out var from) || !int.TryParse(last, out var to) || from < 0 || to < from || to - from >= MaxShards)
        {
            throw new DataException($"'{{{inside}}}' is no range of shards; write for example {{0000..0575}}.");
        }
        return Enumerable.Range(from, to - from + 1).Select(i => i.ToString().PadLeft(first.Length, '0'));
    }

    private static IEnumerable<string> ExpandPath(string path, ShardKind kind)
    {
        var files = kind == ShardKind.Tar ? ".tar, .tar.gz or .tgz file" : ".parquet file";
        if (Directory.Exists(path))
        {
            return Require(path, Directory.EnumerateFiles(path).Where(f => IsShard(f, kind)), $"no {files}s");
        }
        var name = Path.GetFileName(path);
        if (name.AsSpan().IndexOfAny('*', '?') < 0)
        {
            return [path];
        }
        var folder = Path.GetDirectoryName(path) is { Length: > 0 } given ? given : ".";
        var matches = Directory.Exists(folder)
            ? Directory.EnumerateFiles(folder).Where(f => IsShard(f, kind) && FileSystemName.MatchesSimpleExpression(name, Path.GetFileName(f), ignoreCase: false))
            : throw new DataException($"The folder '{folder}' of '{path}' does not exist.");
        return Require(path, matches, $"no {files} matches");
    }

    private static List<string> Require(string path, IEnumerable<string> files, string what)
    {
        var list = files.Order(StringComparer.Ordinal).ToList();
        return list.Count > 0 ? list : throw new DataException($"'{path}': {what}.");
    }
}

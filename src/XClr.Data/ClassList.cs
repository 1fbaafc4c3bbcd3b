using System.Globalization;

namespace XClr.Data;

/// <summary>
/// A `--classes` file: line = class index; a line is a `name`, or `wnid[TAB]name, synonym, ...`, of which the first name counts.
/// </summary>
public sealed class ClassList
{
    private readonly Dictionary<string, int> indexOf = new(StringComparer.Ordinal);

    private ClassList(string path, IReadOnlyList<string> names)
    {
        Path = path;
        Names = names;
    }

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>The names, in index order. Two classes may share a name.</summary>
    public IReadOnlyList<string> Names { get; }

    /// <summary>Reads a file.</summary>
    /// <exception cref="DataException">The file is not there, or has an empty line before its end.</exception>
    public static ClassList Load(string path)
    {
        if (!File.Exists(path))
        {
            throw new DataException($"The classes file '{path}' does not exist; it should hold one class name a line.");
        }
        var lines = File.ReadAllText(path).ReplaceLineEndings("\n").TrimEnd('\n').Split('\n');
        var names = new List<string>();
        var ids = new List<string?>();
        foreach (var line in lines)
        {
            var tab = line.IndexOf('\t');
            var name = CaptionText.Clean(tab < 0 ? line : line[(tab + 1)..].Split(',')[0]) ?? throw new DataException(
                $"The classes file '{path}' has no name in line {names.Count + 1}; the line number is the class index, so no line may be empty.");
            names.Add(name);
            ids.Add(tab < 0 ? null : line[..tab].Trim());
        }
        return new ClassList(path, names).Indexed(ids);
    }

    /// <summary>The index of a class by its wnid, or by its name where that is unique; null where no class has it.</summary>
    public int? Find(ReadOnlySpan<char> idOrName) => indexOf.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(idOrName, out var index) && index >= 0 ? index : null;

    /// <summary>A label as sets write it: a whole number, or what <see cref="Find"/> finds in <paramref name="classes"/>; null where it is neither.</summary>
    internal static int? Label(ReadOnlySpan<char> written, ClassList? classes) => TryIndex(written, out var index) ? index : classes?.Find(written);

    /// <summary>A whole number, also as pandas writes it where other rows have none: "3.0".</summary>
    internal static bool TryIndex(ReadOnlySpan<char> written, out int index) =>
        int.TryParse(written.EndsWith(".0", StringComparison.Ordinal) ? written[..^2] : written, CultureInfo.InvariantCulture, out index);

    private ClassList Indexed(List<string?> ids)
    {
        for (var i = 0; i < Names.Count; i++)
        {
            // A name that two classes share finds neither.
            indexOf[Names[i]] = indexOf.ContainsKey(Names[i]) ? -1 : i;
        }
        for (var i = 0; i < ids.Count; i++)
        {
            if (ids[i] is { Length: > 0 } id)
            {
                indexOf[id] = i;
            }
        }
        return this;
    }
}

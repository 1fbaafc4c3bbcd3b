using Microsoft.Win32.SafeHandles;

namespace XClr.Data.Readers;

/// <summary>
/// CSV, TSV or JSONL files whose rows name an image file (relative to the table's folder) and a caption, a label or both. Only
/// the rows' positions are held in memory.
/// </summary>
public sealed class TableReader : IndexedDataset
{
    private const int MaxLabels = 100_000;

    // Rows that tell what the table's paths are.
    private const int Examined = 10;

    private readonly SafeFileHandle file;
    private readonly TableIndex index;
    private readonly ITableFormat format;
    private readonly string folder;
    private readonly Dictionary<string, int>? labels;
    private readonly ClassList? classList;
    private readonly LabelCaptions complete;
    private readonly bool backslashes;

    /// <param name="path">The table.</param>
    /// <param name="format">`csv`, `tsv` or `jsonl`.</param>
    /// <param name="options">Classes, caption template, what ends the reading of the table and who is told of it.</param>
    /// <exception cref="DataException">No rows, no path column, paths that are web addresses, or a pipe.</exception>
    public TableReader(string path, string format, DatasetOptions? options = null)
    {
        options ??= new();
        (Name, Format) = (path, format);
        if (!File.Exists(path))
        {
            throw new DataException($"The table '{path}' does not exist.");
        }
        folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
        file = FileRead.OpenTable(path);
        try
        {
            var dialect = format switch { "csv" => TableDialect.Csv(file), "tsv" => TableDialect.Tsv, _ => null };
            index = TableIndex.Build(file, dialect, path, options);
            this.format = Open(dialect);
            if (index.Count == 0)
            {
                throw new DataException($"The table '{path}' ({RandomAccess.GetLength(file)} bytes) has no rows.");
            }
            RequireLocalPaths();
            backslashes = Path.DirectorySeparatorChar == '/' && Enumerable.Range(0, Math.Min(Examined, index.Count)).Any(i => Row(i)?.Path is { } path && IsOfWindows(path));
            classList = options.LoadClasses();
            labels = classList is null ? NamedLabels(options) : null;
            Classes = classList?.Names ?? labels?.Keys.Order(StringComparer.Ordinal).ToList();
            complete = new(path, Classes, options.CaptionTemplate);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public override string Name { get; }

    /// <inheritdoc/>
    public override string Format { get; }

    /// <inheritdoc/>
    public override IReadOnlyList<string>? Classes { get; }

    /// <inheritdoc/>
    public override long Count => index.Count;

    /// <inheritdoc/>
    public override RawSample Get(int index)
    {
        var row = Row(index);
        var key = row?.Path ?? $"row {index + 1}";
        if (row is null)
        {
            return RawSample.Broken(key, Name, SampleFault.BadRow, $"row {index + 1} of the data in '{Name}' cannot be parsed");
        }
        if (row.Path is null)
        {
            return RawSample.Broken(key, Name, SampleFault.NoImage, "the row has no path");
        }
        if (ShardDownloads.IsAddress(row.Path))
        {
            return RawSample.Broken(key, Name, SampleFault.NoImage, "the path is a web address");
        }
        var sample = Samples.Rent().Begin(key, Name);
        sample.Place<FileSource>().FilePath = Path.Combine(folder, backslashes ? Slashes(row.Path) : row.Path);
        AddCaptions(row, sample);
        return Labelled(row, sample);
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing) => file.Dispose();

    private ITableFormat Open(TableDialect? dialect)
    {
        if (index.Count == 0)
        {
            return new JsonTable();
        }
        var first = index.Read(file, 0);
        ITableFormat opened = dialect is null ? JsonTable.Open(first, Name) : DelimitedTable.Open(first, dialect, Name, folder);
        if (opened.HasHeader)
        {
            index.DropFirst();
        }
        return opened;
    }

    private void RequireLocalPaths()
    {
        for (var i = 0; i < Math.Min(Examined, index.Count); i++)
        {
            if (Row(i)?.Path is { } path && ShardDownloads.IsAddress(path))
            {
                throw ColumnNames.Addresses(Name, $"row {i + 1}: '{path}'");
            }
        }
    }

    // Labels that are not all numbers are class names: the classes are the distinct ones, in ordinal order.
    private Dictionary<string, int>? NamedLabels(DatasetOptions options)
    {
        if (!format.HasLabels)
        {
            return null;
        }
        var names = new SortedSet<string>(StringComparer.Ordinal);
        var row = 0;
        using var walk = new DatasetWalk(options, () => $"reading the labels of '{Name}': {row} of {index.Count} rows");
        for (; row < index.Count; row++)
        {
            walk.Step();
            if (format.Label(index.Read(file, row)) is { } label && names.Add(label) && names.Count > MaxLabels)
            {
                throw new DataException($"The label column of '{Name}' has more than {MaxLabels} different values; is it one?");
            }
        }
        return names.All(n => ClassList.TryIndex(n, out _)) ? null : names.Select((n, i) => (n, i)).ToDictionary(p => p.n, p => p.i);
    }

    private bool IsOfWindows(string path) => path.Contains('\\') && !File.Exists(Path.Combine(folder, path)) && File.Exists(Path.Combine(folder, Slashes(path)));

    private static string Slashes(string path) => path.Replace('\\', '/');

    private TableRow? Row(int index) => format.Parse(this.index.Read(file, index));

    private RawSample Labelled(TableRow row, RawSample sample)
    {
        if (row.Label is { } text)
        {
            sample.Label = labels is not null ? labels[text] : ClassList.Label(text, classList);
            if (sample.Label is null)
            {
                return sample.Break(SampleFault.BadLabel, $"'{text}' is no class");
            }
        }
        return complete.Complete(sample);
    }

    private static void AddCaptions(TableRow row, RawSample sample)
    {
        for (var i = 0; i < row.Captions.Count; i++)
        {
            sample.AddCaption(row.Captions[i]);
            if (row.Captions[i] == row.Caption)
            {
                sample.MainCaption = i;
            }
        }
    }
}

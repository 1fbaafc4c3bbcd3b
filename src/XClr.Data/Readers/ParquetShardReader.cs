using System.Globalization;
using System.Text.Json;
using Parquet;

namespace XClr.Data.Readers;

/// <summary>
/// Parquet files with image bytes and a caption, a label or both, as img2dataset and Hugging Face write them. A row whose image is null is skipped (no-image).
/// One row group is in memory at a time.
/// </summary>
public sealed class ParquetShardReader : IImageDataset
{
    private readonly IReadOnlyList<string> files;
    private readonly ClassList? classList;
    private readonly LabelCaptions labels;
    private readonly DatasetOptions options;
    private readonly ObjectPool<RawSample> samples = RawSample.NewPool();
    private long? count;

    /// <param name="specification">Files, see <see cref="ShardList.Expand"/>.</param>
    /// <param name="options">Classes (otherwise those that Hugging Face's metadata name), caption template, what ends counting and who is told of it.</param>
    /// <exception cref="DataException">No files, none that can be read, or no column of image bytes.</exception>
    public ParquetShardReader(string specification, DatasetOptions? options = null)
    {
        this.options = options ??= new();
        Name = specification;
        files = ShardList.Expand(specification, ShardKind.Parquet);
        classList = options.LoadClasses();
        Classes = classList?.Names ?? Examine();
        labels = new(specification, Classes, options.CaptionTemplate);
    }

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    public string Format => "parquet";

    /// <inheritdoc/>
    public IReadOnlyList<string>? Classes { get; }

    /// <inheritdoc/>
    public long Count
    {
        get
        {
            count ??= CountAll();
            return count > 0 ? count.Value : throw new DataException($"'{Name}' holds no rows: {files.Count} Parquet file(s), first {files[0]}.");
        }
    }

    /// <inheritdoc/>
    public IEnumerable<RawSample> Read(ReadOrder order)
    {
        return ShardOrder.Read(Name, files, order, ReadFile);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
    }

    // The class names of the first file that can be read, whose columns are checked.
    private IReadOnlyList<string>? Examine()
    {
        string? failure = null;
        foreach (var path in files)
        {
            using var file = TryOpen(path, out var reason);
            if (file is null)
            {
                failure ??= reason;
                continue;
            }
            var columns = ParquetColumns.Find(file.Schema, path);
            return columns.Label is { } label ? ClassNames(file.Reader, label.Path.FirstPart!) : null;
        }
        throw new DataException($"'{Name}': none of {files.Count} Parquet file(s) can be read: {failure}.");
    }

    // Hugging Face's datasets keep class names in the metadata: {"info": {"features": {"label": {"names": [...]}}}}.
    private static List<string>? ClassNames(ParquetReader file, string column)
    {
        if (!file.CustomMetadata.TryGetValue("huggingface", out var text))
        {
            return null;
        }
        try
        {
            using var json = JsonDocument.Parse(text);
            return json.RootElement.GetProperty("info").GetProperty("features").GetProperty(column).TryGetProperty("names", out var names)
                ? [.. names.EnumerateArray().Select(n => n.GetString() ?? "")]
                : null;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or KeyNotFoundException)
        {
            return null;
        }
    }

    private long CountAll()
    {
        var (done, rows) = (0, 0L);
        using var walk = new DatasetWalk(options, () => $"counting '{Name}': {done} of {files.Count} files, {rows} rows");
        foreach (var path in files)
        {
            walk.Step();
            rows += CountRows(path);
            done++;
        }
        return rows;
    }

    private long CountRows(string path)
    {
        using var file = TryOpen(path, out _);
        return file?.Rows ?? 1;
    }

    private IEnumerable<RawSample> ReadFile(string path)
    {
        using var file = TryOpen(path, out var failure);
        if (file is null)
        {
            yield return RawSample.Broken(Path.GetFileName(path), path, SampleFault.Unreadable, failure!);
            yield break;
        }
        var columns = Guarded(() => ParquetColumns.Find(file.Schema, path), out failure);
        var row = 0L;
        for (var g = 0; columns is not null && g < file.Reader.RowGroupCount; g++)
        {
            using var group = Guarded(() => ParquetRowGroup.Read(file.Reader, g, columns), out failure);
            if (group is null)
            {
                break;
            }
            for (var i = 0; i < group.Count; i++, row++)
            {
                yield return Sample(group, i, row, path);
            }
        }
        if (failure is not null)
        {
            yield return RawSample.Broken(Path.GetFileName(path), path, SampleFault.BrokenShard, $"the rest of {path} is lost after row {row}: {failure}");
        }
    }

    private RawSample Sample(ParquetRowGroup group, int index, long row, string path)
    {
        var key = group.Key(index) ?? string.Create(CultureInfo.InvariantCulture, $"{Path.GetFileNameWithoutExtension(path)}-{row:D9}");
        if (group.Image(index) is not { } bytes)
        {
            return RawSample.Broken(key, path, SampleFault.NoImage, group.Error(index) is { } error ? $"the row's image is null: {error}" : "the row's image is null");
        }
        var sample = samples.Rent().Begin(key, path);
        sample.Place<MemorySource>().Bytes = bytes;
        foreach (var written in group.Captions(index))
        {
            if (CaptionText.Clean(written) is { } caption)
            {
                sample.AddCaption(caption);
            }
        }
        if (group.Label(index) is { } text)
        {
            sample.Label = ClassList.Label(text, classList);
            if (sample.Label is null)
            {
                return sample.Break(SampleFault.BadLabel, $"'{text}' is no class{(classList is null ? "; a classes file would say its index" : "")}");
            }
        }
        return labels.Complete(sample);
    }

    private static ParquetFile? TryOpen(string path, out string? failure) => Guarded(() => new ParquetFile(path), out failure);

    // Damaged bytes make the package throw nearly anything: whatever it is, the file is damaged.
    private static T? Guarded<T>(Func<T> read, out string? failure)
        where T : class
    {
        try
        {
            failure = null;
            return read();
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            failure = e.Message;
            return null;
        }
    }
}

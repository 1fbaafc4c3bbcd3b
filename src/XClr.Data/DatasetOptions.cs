namespace XClr.Data;

/// <summary>What a data set is opened with, beside its path.</summary>
public sealed record DatasetOptions
{
    internal static DatasetOptions Default { get; } = new();

    /// <summary>
    /// Part of a set that has several: `train` or `test` of IDX files (`t10k` and `val` mean test), a subfolder of an image
    /// folder. Null: `train` for IDX files, the folder itself otherwise.
    /// </summary>
    public string? Split { get; init; }

    /// <summary>Class names, see <see cref="ClassList"/>; null: the folders' names, or none.</summary>
    public string? ClassesFile { get; init; }

    /// <summary>Turns labels into captions, such as "a photo of a {class}"; the set's own captions are then not used.</summary>
    public string? CaptionTemplate { get; init; }

    internal ClassList? LoadClasses() => ClassesFile is null ? null : ClassList.Load(ClassesFile);
}

using System.IO.Enumeration;

namespace XClr.Data.Readers;

/// <summary>
/// A folder per class: root/class/**/*.jpg. Classes are the folders' names in ordinal order, or the lines of a classes file
/// that gives each folder (a wnid or a name) its index.
/// </summary>
public sealed class ImageFolderReader : IndexedDataset
{
    private static readonly string[] Suffixes = [".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp"];

    private readonly string root;
    private readonly string[] files;
    private readonly int[] labels;
    private readonly LabelCaptions complete;

    /// <param name="root">The folder.</param>
    /// <param name="options">Split (a subfolder), classes, caption template, what ends the listing and who is told of it.</param>
    /// <exception cref="DataException">No class folders, no images, a folder that the classes file does not know, or a link to a folder around it.</exception>
    public ImageFolderReader(string root, DatasetOptions? options = null)
    {
        options ??= new();
        Name = root;
        this.root = options.Split is null ? root : Path.Combine(root, options.Split);
        var folders = ClassFolders(this.root, root);
        var list = options.LoadClasses();
        Classes = list?.Names ?? [.. folders];
        var (files, labels) = (new List<string>(), new List<int>());
        var (done, images) = (0, 0);
        using var walk = new DatasetWalk(options, () => $"listing '{root}': {done} of {folders.Count} class folders, {images} images");
        for (var i = 0; i < folders.Count; i++)
        {
            var label = list is null ? i : list.Find(folders[i]) ?? throw new DataException(
                $"The folder '{Path.Combine(this.root, folders[i])}' is no class of '{list.Path}' ({list.Names.Count} classes, first '{list.Names[0]}').");
            foreach (var file in ImagesBelow(this.root, folders[i]).Select(Found).Order(StringComparer.Ordinal))
            {
                files.Add(Path.GetRelativePath(this.root, file));
                labels.Add(label);
            }
            done++;
        }
        (this.files, this.labels) = ([.. files], [.. labels]);
        if (this.files.Length == 0)
        {
            throw new DataException($"'{this.root}' has {folders.Count} class folders and no images ({string.Join(" ", Suffixes)}) in them.");
        }
        complete = new(root, Classes, options.CaptionTemplate);

        string Found(string file)
        {
            walk.Step();
            images++;
            return file;
        }
    }

    /// <inheritdoc/>
    public override string Name { get; }

    /// <inheritdoc/>
    public override string Format => "imagefolder";

    /// <inheritdoc/>
    public override IReadOnlyList<string>? Classes { get; }

    /// <inheritdoc/>
    public override long Count => files.Length;

    /// <inheritdoc/>
    public override RawSample Get(int index)
    {
        var sample = Samples.Rent().Begin(files[index], root);
        sample.Place<FileSource>().FilePath = Path.Combine(root, files[index]);
        sample.Label = labels[index];
        return complete.Complete(sample);
    }

    /// <summary>Whether a file's name is that of an image.</summary>
    internal static bool IsImage(string path) => Suffixes.Contains(Path.GetExtension(path), StringComparer.OrdinalIgnoreCase);

    private static List<string> ClassFolders(string root, string given)
    {
        if (!Directory.Exists(root))
        {
            throw new DataException($"The folder '{root}' does not exist; '{given}' has {DatasetFactory.Describe(given)}.");
        }
        var folders = Directory.EnumerateDirectories(root).Select(d => Path.GetFileName(d)).Where(d => d[0] != '.')
            .Order(StringComparer.Ordinal).ToList();
        if (folders.Count == 0)
        {
            throw new DataException(
                $"'{root}' has no class folders, found {DatasetFactory.Describe(root)}; an image folder is root/class/image.jpg. Images with captions come as a CSV, TSV or JSONL file of paths and captions.");
        }
        return folders.Contains("train") && folders.Exists(f => f is "val" or "test" or "validation")
            ? throw new DataException($"'{root}' holds splits ({string.Join(", ", folders)}), not classes; name '{Path.Combine(root, "train")}' or one of the others.")
            : folders;
    }

    private static IEnumerable<string> ImagesBelow(string root, string name)
    {
        var folder = Path.Combine(root, name);
        RequireNoLoop(root, folder);
        return new FileSystemEnumerable<string>(folder, (ref file) => file.ToSpecifiedFullPath(), new() { RecurseSubdirectories = true, AttributesToSkip = 0, IgnoreInaccessible = false })
        {
            ShouldIncludePredicate = (ref file) => !file.IsDirectory && IsImage(file.FileName.ToString()),
            ShouldRecursePredicate = (ref below) =>
            {
                RequireNoLoop(root, below.ToFullPath());
                return true;
            },
        };
    }

    // Links to folders are followed, but not to one that the walk from the root is in: it would come back for ever.
    private static void RequireNoLoop(string root, string folder)
    {
        if (new DirectoryInfo(folder).LinkTarget is null)
        {
            return;
        }
        var (target, outermost) = (RealPath(folder), Path.TrimEndingDirectorySeparator(Path.GetFullPath(root)));
        for (var above = Path.GetDirectoryName(Path.GetFullPath(folder)); above is not null && above.Length >= outermost.Length; above = Path.GetDirectoryName(above))
        {
            if (IsIn(RealPath(above), target))
            {
                throw new DataException($"The link '{folder}' leads to '{target}', a folder that it lies in: the images there would be read over and over. Remove the link.");
            }
        }
    }

    private static bool IsIn(string path, string folder) =>
        path == folder || path.StartsWith(Path.EndsInDirectorySeparator(folder) ? folder : folder + Path.DirectorySeparatorChar, StringComparison.Ordinal);

    // The path of a folder that is there, without any link.
    private static string RealPath(string folder)
    {
        var path = Path.GetFullPath(folder);
        if (Path.GetDirectoryName(path) is not { } parent)
        {
            return path;
        }
        var place = Path.Combine(RealPath(parent), Path.GetFileName(path));
        return Directory.ResolveLinkTarget(place, returnFinalTarget: false) is { } target ? RealPath(target.FullName) : place;
    }
}

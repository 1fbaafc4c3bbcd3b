using System.Formats.Tar;
using System.Text;

namespace XClr.TestKit;

/// <summary>A folder of a test's own, deleted at its end with all that is in it. It stands for its path where a path is asked for.</summary>
public sealed class TempFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("xclr-test-").FullName;

    public static implicit operator string(TempFolder folder) => folder.Path;

    public override string ToString() => Path;

    /// <summary>Where a file or folder of this name lies, or would.</summary>
    public string File(string name) => System.IO.Path.Combine(Path, name);

    /// <summary>Writes a file, and the folders above it; returns where it lies.</summary>
    public string File(string name, byte[] bytes)
    {
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(File(name))!);
        System.IO.File.WriteAllBytes(File(name), bytes);
        return File(name);
    }

    /// <inheritdoc cref="File(string, byte[])"/>
    public string File(string name, string text) => File(name, Encoding.UTF8.GetBytes(text));

    /// <summary>Writes a file, for folders of several in one expression.</summary>
    public TempFolder With(string name, string text)
    {
        File(name, text);
        return this;
    }

    /// <summary>Writes a tar shard, gzipped where its name ends so; returns where it lies.</summary>
    public string Shard(string name, IEnumerable<(string Name, byte[] Bytes)> members, TarEntryFormat format = TarEntryFormat.Ustar)
    {
        var tar = TestShards.Tar(members, format);
        return File(name, name.EndsWith("gz", StringComparison.Ordinal) ? TestShards.Gzip(tar) : tar);
    }

    /// <summary>Copies the files of another folder, with those below it, that <paramref name="takes"/> takes by their relative names; returns where the copy lies.</summary>
    public string Copy(string source, string name = "", Func<string, bool>? takes = null)
    {
        foreach (var file in Directory.EnumerateFiles(source, "*", SearchOption.AllDirectories))
        {
            var relative = System.IO.Path.GetRelativePath(source, file).Replace('\\', '/');
            if (takes?.Invoke(relative) != false)
            {
                var copy = System.IO.Path.Combine(File(name), relative);
                Directory.CreateDirectory(System.IO.Path.GetDirectoryName(copy)!);
                System.IO.File.Copy(file, copy);
                // What is read-only there is not here.
                System.IO.File.SetAttributes(copy, FileAttributes.Normal);
            }
        }
        return File(name);
    }

    public void Dispose() => Directory.Delete(Path, recursive: true);
}

namespace XClr.Text.Tests;

/// <summary>A folder for one test, removed at its end; may start as a copy of the built-in model.</summary>
internal sealed class TempFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("xclr-text-").FullName;

    public static TempFolder WithStaticModel(params string[] without)
    {
        var folder = new TempFolder();
        foreach (var file in Directory.EnumerateFiles(Assets.StaticModel, "*", SearchOption.AllDirectories))
        {
            var name = System.IO.Path.GetRelativePath(Assets.StaticModel, file).Replace('\\', '/');
            if (name is "goldens.json" or "README.md" || without.Contains(name))
            {
                continue;
            }
            Directory.CreateDirectory(System.IO.Path.GetDirectoryName(folder[name])!);
            File.Copy(file, folder[name]);
            File.SetAttributes(folder[name], FileAttributes.Normal);
        }
        return folder;
    }

    public string this[string name] => System.IO.Path.Combine(Path, name);

    public TempFolder Write(string name, string text)
    {
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(this[name])!);
        File.WriteAllText(this[name], text);
        return this;
    }

    public void Dispose() => Directory.Delete(Path, recursive: true);
}

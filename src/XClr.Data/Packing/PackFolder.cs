using System.Text;
using System.Text.Json;

namespace XClr.Data.Packing;

/// <summary>
/// The folder that shards are packed into. pack.json says from what and how, so that a later run goes on with the same or is refused; a lock keeps a second
/// writer out.
/// </summary>
internal sealed class PackFolder : IDisposable
{
    private readonly FileStream heldLock;

    /// <exception cref="DataException">Another process writes there, or it holds shards of something else.</exception>
    public PackFolder(PackOptions options, IPackSource source)
    {
        Directory.CreateDirectory(options.Folder);
        heldLock = Lock(options.Folder);
        try
        {
            Claim(options, source);
        }
        catch
        {
            heldLock.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => heldLock.Dispose();

    private static FileStream Lock(string folder)
    {
        try
        {
            return new FileStream(Path.Combine(folder, "pack.lock"), FileMode.OpenOrCreate, FileAccess.Write, FileShare.None);
        }
        catch (IOException e)
        {
            throw new DataException($"'{folder}' cannot be locked, is another xclr pack writing there? {e.Message}", e);
        }
    }

    private static void Claim(PackOptions options, IPackSource source)
    {
        var path = Path.Combine(options.Folder, "pack.json");
        var wanted = Describe(options, source);
        if (!File.Exists(path))
        {
            if (Directory.EnumerateFiles(options.Folder).FirstOrDefault(f => Readers.ShardList.IsShard(f)) is { } shard)
            {
                throw new DataException($"'{options.Folder}' holds '{Path.GetFileName(shard)}' and no pack.json: it was not made by xclr pack. Name another folder.");
            }
            WholeFile.Replace(path, file => file.Write(Encoding.UTF8.GetBytes(Text(wanted))));
        }
        else if (Differences(path, wanted) is { Count: > 0 } differences)
        {
            throw new DataException($"'{options.Folder}' was packed otherwise: {string.Join("; ", differences)}. Name another folder, or use what '{path}' says.");
        }
        if (source.Classes is { } classes)
        {
            WholeFile.Replace(Path.Combine(options.Folder, "classes.txt"), file => file.Write(Encoding.UTF8.GetBytes(string.Join('\n', classes) + "\n")));
        }
    }

    private static List<(string Name, string? Value)> Describe(PackOptions options, IPackSource source) =>
    [
        ("source", Readers.ShardList.FullName(source.Name)), ("short-side", $"{options.ShortSide}"), ("quality", $"{options.Quality}"), ("shard-size", $"{options.ShardSize}"), .. source.Choices,
    ];

    private static string Text(List<(string Name, string? Value)> facts) =>
        "{" + string.Join(",", facts.Select(f => $"\n  \"{f.Name}\": {(f.Value is null ? "null" : $"\"{JsonEncodedText.Encode(f.Value)}\"")}")) + "\n}\n";

    // What an older version did not write down is not compared.
    private static List<string> Differences(string path, List<(string Name, string? Value)> wanted)
    {
        try
        {
            using var json = JsonDocument.Parse(File.ReadAllBytes(path));
            return [.. wanted
                .Select(w => (w.Name, w.Value, Old: json.RootElement.TryGetProperty(w.Name, out var old) ? old.GetString() : w.Value))
                .Where(w => w.Old != w.Value && !(w.Name == "source" && w.Old is not null && Readers.ShardList.FullName(w.Old) == w.Value)).Select(w => $"{w.Name} was {w.Old ?? "unset"} and is {w.Value ?? "unset"}")];
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new DataException($"'{path}' cannot be read: {e.Message}", e);
        }
    }
}

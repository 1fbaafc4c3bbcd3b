using XClr.Data.Packing;

namespace XClr.Data.Tests;

/// <summary>Packs small sets, and reads what lies in the folder.</summary>
internal static class Packs
{
    public static PackResult Pack(string source, string folder, Func<PackOptions, PackOptions>? change = null, Action<PackProgress>? report = null, CancellationToken stop = default)
    {
        using var data = DatasetFactory.Open(source);
        var options = new PackOptions { Folder = folder, ShardSize = 4, Workers = 2 };
        return new ShardPacker(new DatasetSource(data), change?.Invoke(options) ?? options).RunAsync(report, stop).GetAwaiter().GetResult();
    }

    /// <summary>Ten rows: photographs of three sizes, an empty file, a missing one, a broken row and an oriented PNG.</summary>
    public static string Table(TempFolder folder)
    {
        folder.File("big.jpg", TestImages.Solid(10, 640, 480));
        folder.File("tall.png", TestImages.Solid(20, 300, 900, SkiaSharp.SKEncodedImageFormat.Png));
        folder.File("small.jpg", TestImages.Solid(30, 40, 30));
        folder.File("empty.jpg", []);
        return folder.File("set.csv", "image,caption\nbig.jpg,a big one\ntall.png,\"a tall,\none\"\nsmall.jpg,\nempty.jpg,e\ngone.jpg,g\nbig.jpg\nbig.jpg,7\nbig.jpg,8\nbig.jpg,9\nsmall.jpg,10\n");
    }

    public static Dictionary<string, byte[]> Files(string folder) =>
        Directory.EnumerateFiles(folder).Where(f => !f.EndsWith("pack.lock", StringComparison.Ordinal)).ToDictionary(f => Path.GetFileName(f), File.ReadAllBytes);

    public static List<string> Packed(string folder)
    {
        using var packed = DatasetFactory.Open(folder, "webdataset");
        return [.. packed.Read(ReadOrder.Sequential).Select(s =>
        {
            using var jpeg = s.Image!.Read();
            return $"{s.Key} {s.Label} {s.Caption} {Convert.ToHexString(jpeg.Span)}";
        })];
    }
}

namespace XClr.Data.Readers;

/// <summary>The class names of Fashion-MNIST, whose files (the format of MNIST) carry none.</summary>
public static class FashionMnist
{
    /// <summary>In index order, as they read in a sentence.</summary>
    public static IReadOnlyList<string> ClassNames { get; } =
        ["t-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot"];

    /// <summary>Whether an IDX file is Fashion-MNIST's: its folder is called so, and there are ten classes.</summary>
    internal static bool Is(string imagesFile, ReadOnlySpan<byte> labels)
    {
        var folder = Path.GetFileName(Path.GetDirectoryName(Path.GetFullPath(imagesFile))) ?? "";
        var named = folder.Replace("-", "", StringComparison.Ordinal).Replace("_", "", StringComparison.Ordinal)
            .Contains("fashionmnist", StringComparison.OrdinalIgnoreCase);
        return named && !labels.ContainsAnyExceptInRange((byte)0, (byte)9);
    }
}

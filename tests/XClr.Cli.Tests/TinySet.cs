namespace XClr.Cli.Tests;

/// <summary>Training sets that train in seconds: IDX files of grey 8 x 8 images in two classes, dark and bright, and options to go with them.</summary>
internal static class TinySet
{
    /// <summary>Options of a network and a step that are as small as they get.</summary>
    public static string[] Network { get; } =
        ["--arch", "resnet18", "--stem", "small", "--width", "0.0625", "--image-size", "8", "--batch-size", "4", "--augment", "light", "--optimizer", "sgd", "--lr", "0.01", "--lr-scaling", "none"];

    /// <summary>Writes the set and its class names; returns the options that name them.</summary>
    public static string[] Write(TempFolder folder, int count = 32)
    {
        var pixels = Enumerable.Range(0, count * 64).Select(i => (byte)((i / 64 % 2 * 128) + i * 7 % 100)).ToArray();
        IdxFiles.Write(folder, "train", 8, 8, pixels, [.. Enumerable.Range(0, count).Select(i => (byte)(i % 2))]);
        return ["--data", folder.Path, "--classes", folder.File("classes.txt", "dark cellar\nbright sky\n"), "--caption-template", "a photo of a {class}"];
    }
}

using System.Buffers.Binary;

namespace XClr.Cli.Tests;

/// <summary>Training sets that train in seconds: IDX files of grey 8 x 8 images in two classes, dark and bright, and options to go with them.</summary>
internal static class TinySet
{
    /// <summary>Options of a network and a step that are as small as they get.</summary>
    public static string[] Network { get; } =
        ["--arch", "resnet18", "--stem", "small", "--width", "0.0625", "--image-size", "8", "--batch-size", "4", "--augment", "light", "--optimizer", "sgd", "--lr", "0.01", "--lr-scaling", "none"];

    /// <summary>Writes the set and its class names; returns the options that name them.</summary>
    public static string[] Write(TemporaryFolder folder, int count = 32)
    {
        var pixels = Enumerable.Range(0, count * 64).Select(i => (byte)((i / 64 % 2 * 128) + i * 7 % 100)).ToArray();
        WriteIdx(folder, "train-images-idx3-ubyte", [0x803, count, 8, 8], pixels);
        WriteIdx(folder, "train-labels-idx1-ubyte", [0x801, count], [.. Enumerable.Range(0, count).Select(i => (byte)(i % 2))]);
        return ["--data", folder.Path, "--classes", folder.File("classes.txt", "dark cellar\nbright sky\n"), "--caption-template", "a photo of a {class}"];
    }

    private static void WriteIdx(TemporaryFolder folder, string name, int[] header, byte[] data)
    {
        var bytes = new byte[4 * header.Length + data.Length];
        for (var i = 0; i < header.Length; i++)
        {
            BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(4 * i), header[i]);
        }
        data.CopyTo(bytes, 4 * header.Length);
        File.WriteAllBytes(folder.File(name), bytes);
    }
}

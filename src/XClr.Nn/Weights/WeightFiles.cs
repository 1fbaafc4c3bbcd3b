using System.Buffers.Binary;

namespace XClr.Nn.Weights;

/// <summary>Opens files of weights by what they hold, not by what they are called.</summary>
public static class WeightFiles
{
    /// <summary>Names that a file of weights may end with, as <see cref="CheckpointPath.Resolve"/> takes them.</summary>
    public static readonly IReadOnlyList<string> Extensions = [".safetensors", ".pth", ".pt", ".bin", ".ckpt", ".tar"];

    private const uint ZipSignature = 0x04034b50;
    private const byte PickleProtocol = 0x80;
    private const int TarMagicAt = 257;

    /// <summary>Opens a safetensors file or a zip file of torch.save.</summary>
    /// <exception cref="SafetensorsException">The file is missing, cannot be read, or is neither.</exception>
    /// <exception cref="CheckpointException">It is PyTorch's and not accepted; the message says why and what to do.</exception>
    public static IWeightFile Open(string path)
    {
        var head = Head(path);
        if (head.Length >= sizeof(uint) && BinaryPrimitives.ReadUInt32LittleEndian(head) == ZipSignature)
        {
            return TorchFile.Open(path);
        }
        return IsLegacy(head) ? throw Legacy(path) : SafetensorsFile.Open(path);
    }

    // A safetensors file begins with a length below 2^32, which a pickle, whatever its protocol, does not.
    private static bool IsLegacy(ReadOnlySpan<byte> head) =>
        (head.Length >= sizeof(ulong) && head[0] == PickleProtocol && BinaryPrimitives.ReadUInt32LittleEndian(head[sizeof(uint)..]) != 0)
        || (head.Length >= TarMagicAt + 5 && head.Slice(TarMagicAt, 5).SequenceEqual("ustar"u8));

    private static CheckpointException Legacy(string path) => new(
        $"{path}: is in torch.save's form from before PyTorch 1.6, a bare pickle, which is not read here. Save it anew as a zip file: "
        + $"python3 -c \"import torch; torch.save(torch.load('{path}', map_location='cpu'), '{System.IO.Path.ChangeExtension(path, "zip.pth")}')\"");

    private static byte[] Head(string path)
    {
        try
        {
            using var stream = File.OpenRead(path);
            var head = new byte[TarMagicAt + 5];
            return head[..stream.ReadAtLeast(head, head.Length, throwOnEndOfStream: false)];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new SafetensorsException($"{path}: cannot be opened: {e.Message}", e);
        }
    }
}

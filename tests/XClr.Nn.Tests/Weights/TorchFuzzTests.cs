using System.Buffers.Binary;
using XClr.Nn.Weights;

namespace XClr.Nn.Tests.Weights;

/// <summary>Damaged files, from a fixed seed: each is read, or refused by an error that a user can act on; nothing else is thrown, nothing hangs, nothing grows.</summary>
public sealed class TorchFuzzTests
{
    private const int Seed = 6, Rounds = 3000;
    private const long AllocatedPerFile = 16 << 20;

    [Theory]
    [InlineData("numbers.pth")]
    [InlineData("malicious.pth")]
    [InlineData("brain.pth")]
    public void A_damaged_file_is_read_or_refused(string name)
    {
        var whole = File.ReadAllBytes(GoldenFile.PathOf($"torch/{name}"));
        var random = new Random(Seed);
        var read = 0;
        for (var round = 0; round < Rounds; round++)
        {
            var bytes = Damage(whole, random);
            var before = GC.GetAllocatedBytesForCurrentThread();
            read += ReadAll(name, bytes) ? 1 : 0;
            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, AllocatedPerFile);
        }
        Assert.InRange(read, 0, Rounds - 1);
    }

    [Fact]
    public void A_pickle_of_random_opcodes_is_read_or_refused()
    {
        var random = new Random(Seed);
        var opcodes = Enum.GetValues<PickleOp>();
        for (var round = 0; round < 10 * Rounds; round++)
        {
            var pickle = new byte[random.Next(1, 60)];
            for (var i = 0; i < pickle.Length; i++)
            {
                pickle[i] = random.Next(4) == 0 ? (byte)random.Next(12) : (byte)opcodes[random.Next(opcodes.Length)];
            }
            try
            {
                _ = TorchUnpickler.Read("random", pickle);
            }
            catch (CheckpointException e)
            {
                Assert.StartsWith("random: ", e.Message, StringComparison.Ordinal);
            }
        }
    }

    [Fact]
    public void Views_that_reach_outside_their_storage_are_refused()
    {
        var storage = new TorchStorage(SafetensorsDType.F32, "0", 10);
        var rebuild = TorchGlobals.Find("torch._utils._rebuild_tensor_v2")!;
        object? View(long offset, object?[] size, object?[] stride) => TorchGlobals.Call(rebuild, [storage, offset, size, stride, false, null]);
        Assert.NotNull(View(1, [3L, 3L], [3L, 1L]));
        Assert.NotNull(View(100, [0L], [1L]));
        Assert.Null(View(2, [3L, 3L], [3L, 1L]));
        Assert.Null(View(-1, [1L], [1L]));
        Assert.Null(View(0, [2L], [-1L]));
        Assert.Null(View(0, [2L, 2L], [1L]));
        Assert.Null(View(0, [long.MaxValue, long.MaxValue, long.MaxValue], [long.MaxValue, long.MaxValue, long.MaxValue]));
        Assert.Null(View(0, [long.MaxValue, long.MaxValue], [0L, 0L]));
    }

    [Fact]
    public void A_view_that_repeats_its_elements_takes_no_memory()
    {
        byte[] pickle =
        [
            0x80, 2, .. "}X\u0001\0\0\0wctorch._utils\n_rebuild_tensor_v2\n((X\a\0\0\0storagectorch\nFloatStorage\nX\u0001\0\0\00X\u0003\0\0\0cpuK\u0001tQK\0"u8, .. "(J\0\0\0\u0040t(K\0t"u8, 0x89,
            .. "ccollections\nOrderedDict\n)RtRs."u8,
        ];
        var memory = new MemoryStream();
        using (var zip = new System.IO.Compression.ZipArchive(memory, System.IO.Compression.ZipArchiveMode.Create, leaveOpen: true))
        {
            foreach (var (name, bytes) in new[] { ("a/data.pkl", pickle), ("a/data/0", new byte[4]) })
            {
                using var entry = zip.CreateEntry(name, System.IO.Compression.CompressionLevel.NoCompression).Open();
                entry.Write(bytes);
            }
        }
        memory.Position = 0;
        using var file = TorchFile.Open("view.pth", memory);
        Assert.Equal([1L << 30], Assert.Single(file.Tensors).Shape);
        var before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Contains("repeats its 1 elements", Assert.Throws<SafetensorsException>(() => file.ReadFloat32("w")).Message);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, AllocatedPerFile);
    }

    private static byte[] Damage(byte[] whole, Random random)
    {
        // Half of the damage goes to the pickle at the beginning, a quarter to the directory at the end.
        var bytes = whole.ToArray();
        for (var i = random.Next(1, 5); i > 0; i--)
        {
            var at = random.Next(4) switch { 0 => bytes.Length - 1 - random.Next(Math.Min(bytes.Length, 2000)), 1 => random.Next(bytes.Length), _ => random.Next(Math.Min(bytes.Length, 900)) };
            if (random.Next(8) == 0 && at + 4 <= bytes.Length)
            {
                BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(at), random.Next(3) - 1);
            }
            else
            {
                bytes[at] = (byte)random.Next(256);
            }
        }
        return random.Next(10) == 0 ? bytes[..random.Next(bytes.Length)] : bytes;
    }

    private static bool ReadAll(string name, byte[] bytes)
    {
        try
        {
            using var file = TorchFile.Open(name, new MemoryStream(bytes));
            foreach (var tensor in file.Tensors.Where(t => t.DType != SafetensorsDType.I64 && t.Count < 1 << 20))
            {
                Assert.Equal(tensor.Count, file.ReadFloat32(tensor.Name).Length);
            }
            return true;
        }
        catch (Exception e) when (e is CheckpointException or SafetensorsException)
        {
            Assert.StartsWith($"{name}: ", e.Message, StringComparison.Ordinal);
            return false;
        }
    }
}

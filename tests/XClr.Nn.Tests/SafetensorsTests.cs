using System.Buffers.Binary;
using System.Text;

namespace XClr.Nn.Tests;

public sealed class SafetensorsTests : IDisposable
{
    private readonly TempFolder folder = new();

    public void Dispose() => folder.Dispose();

    private string PathOf(string name) => folder.File(name);

    private static byte[] Image(string header, int dataBytes) => Image(Encoding.UTF8.GetBytes(header), dataBytes);

    private static byte[] Image(byte[] header, int dataBytes)
    {
        var bytes = new byte[8 + header.Length + dataBytes];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, header.Length);
        header.CopyTo(bytes, 8);
        return bytes;
    }

    private string Save(byte[] bytes)
    {
        var path = PathOf("x.safetensors");
        File.WriteAllBytes(path, bytes);
        return path;
    }

    [Fact]
    public void What_is_written_is_read_back()
    {
        var path = PathOf("round.safetensors");
        float[] weights = [1.5f, -0f, float.Epsilon, float.NaN, float.NegativeInfinity, 3e38f];
        SafetensorsWriter.Write(path,
        [
            SafetensorsEntry.Bytes("bytes", [3], new byte[] { 1, 2, 255 }),
            SafetensorsEntry.Float32("conv1.weight", [2, 3], weights),
            SafetensorsEntry.Int64("bn1.num_batches_tracked", [], new long[] { long.MinValue }),
            SafetensorsEntry.Float64("double \"é\"", [1, 2], new[] { Math.PI, 1e300 }),
            SafetensorsEntry.Float32("empty", [4, 0], default),
        ], new Dictionary<string, string> { ["format"] = "pt", ["note"] = "größer ☃" });

        Assert.False(File.Exists(path + ".tmp"));
        using var file = SafetensorsFile.Open(path);
        Assert.Equal(weights.Select(BitConverter.SingleToInt32Bits), file.ReadFloat32("conv1.weight").Select(BitConverter.SingleToInt32Bits));
        Assert.Equal([2L, 3L], file["conv1.weight"].Shape);
        Assert.Equal([long.MinValue], file.ReadInt64("bn1.num_batches_tracked"));
        Assert.Empty(file["bn1.num_batches_tracked"].Shape);
        Assert.Equal([Math.PI, 1e300], file.ReadFloat64("double \"é\""));
        Assert.Equal([(float)Math.PI, float.PositiveInfinity], file.ReadFloat32("double \"é\""));
        Assert.Equal([1, 2, 255], file.ReadBytes("bytes"));
        Assert.Equal([1L, 2L, 255L], file.ReadInt64("bytes"));
        Assert.Empty(file.ReadFloat32("empty"));
        Assert.Equal("größer ☃", file.Metadata["note"]);
        Assert.Equal(5, file.Tensors.Count);
    }

    [Fact]
    public void Data_are_aligned_to_their_types()
    {
        var path = PathOf("aligned.safetensors");
        SafetensorsWriter.Write(path,
        [
            SafetensorsEntry.Bytes("a", [3], new byte[3]),
            SafetensorsEntry.Float32("b", [1], new float[1]),
            SafetensorsEntry.Int64("c", [1], new long[1]),
        ]);
        var header = BinaryPrimitives.ReadInt64LittleEndian(File.ReadAllBytes(path));
        Assert.Equal(0, header % 8);
        using var file = SafetensorsFile.Open(path);
        Assert.All(file.Tensors, t => Assert.Equal(0, t.Begin % t.DType.Size()));
    }

    [Fact]
    public void Small_floats_widen()
    {
        var data = new byte[12];
        BinaryPrimitives.WriteHalfLittleEndian(data, (Half)(-1.5));
        BinaryPrimitives.WriteHalfLittleEndian(data.AsSpan(2), (Half)5.9604645e-8f); // the smallest subnormal
        BinaryPrimitives.WriteHalfLittleEndian(data.AsSpan(4), Half.PositiveInfinity);
        BinaryPrimitives.WriteUInt16LittleEndian(data.AsSpan(6), 0x3f80); // 1
        BinaryPrimitives.WriteUInt16LittleEndian(data.AsSpan(8), 0xc049); // -3.140625
        BinaryPrimitives.WriteUInt16LittleEndian(data.AsSpan(10), 0x0001); // 2^-133
        var bytes = Image("""{"h":{"dtype":"F16","shape":[3],"data_offsets":[0,6]},"b":{"dtype":"BF16","shape":[3],"data_offsets":[6,12]}}""", 12);
        data.CopyTo(bytes, bytes.Length - 12);
        using var file = SafetensorsFile.Open(Save(bytes));
        Assert.Equal([-1.5f, 5.9604645e-8f, float.PositiveInfinity], file.ReadFloat32("h"));
        Assert.Equal([1f, -3.140625f, MathF.ScaleB(1, -133)], file.ReadFloat32("b"));
        Assert.Equal([1d, -3.140625, Math.ScaleB(1, -133)], file.ReadFloat64("b"));
    }

    [Fact]
    public void Integers_of_every_width_widen()
    {
        var bytes = Image("""
            {"i32":{"dtype":"I32","shape":[1],"data_offsets":[0,4]},"u32":{"dtype":"U32","shape":[1],"data_offsets":[4,8]},
            "i16":{"dtype":"I16","shape":[1],"data_offsets":[8,10]},"u16":{"dtype":"U16","shape":[1],"data_offsets":[10,12]},
            "i8":{"dtype":"I8","shape":[1],"data_offsets":[12,13]},"bool":{"dtype":"BOOL","shape":[1],"data_offsets":[13,14]},
            "u64":{"dtype":"U64","shape":[1],"data_offsets":[14,22]}}
            """, 22);
        bytes.AsSpan(bytes.Length - 22).Fill(0xff);
        using var file = SafetensorsFile.Open(Save(bytes));
        Assert.Equal([-1L], file.ReadInt64("i32"));
        Assert.Equal([0xffffffffL], file.ReadInt64("u32"));
        Assert.Equal([-1L], file.ReadInt64("i16"));
        Assert.Equal([0xffffL], file.ReadInt64("u16"));
        Assert.Equal([-1L], file.ReadInt64("i8"));
        Assert.Equal([255L], file.ReadInt64("bool"));
        Assert.Contains("18446744073709551615", Assert.Throws<SafetensorsException>(() => file.ReadInt64("u64")).Message);
    }

    [Fact]
    public void A_file_written_by_numpy_is_read()
    {
        using var file = GoldenFile.Open("optimizer/sgd.safetensors");
        file.Require("conv.weight", 5, 3, 3, 3);
        Assert.Equal([3L], file.ReadInt64("step"));
        // The scale runs into its clamp, ln 100, in this golden.
        Assert.Equal(Math.Log(100), file.ReadFloat64("clip.logit_scale")[0], 1e-12);
        Assert.StartsWith("--optimizer sgd", file.Metadata["options"]);
    }

    [Fact]
    public void Tensors_longer_than_one_chunk_read_whole()
    {
        var values = Enumerable.Range(0, 600_001).Select(i => i * 0.5).ToArray();
        SafetensorsWriter.Write(PathOf("long.safetensors"), [SafetensorsEntry.Float64("v", [values.Length], values)]);
        using var file = SafetensorsFile.Open(PathOf("long.safetensors"));
        Assert.Equal(values, file.ReadFloat64("v"));
        Assert.Equal(values.Select(v => (float)v), file.ReadFloat32("v"));
    }

    [Theory]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}""", 4, "needs 8 bytes")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}""", 3, "the file holds 3")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}""", 5, "1 bytes follow")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}""", 8, "expected 0")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[2,6]}}""", 6, "overlap")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[5,9]}}""", 9, "hole")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}""", 8, "listed twice")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"shape":[1],"data_offsets":[0,4]}}""", 4, "'shape' twice")]
    [InlineData("""{"a":{"dtype":"F31","shape":[1],"data_offsets":[0,4]}}""", 4, "'F31'")]
    [InlineData("""{"a":{"dtype":"0","shape":[1],"data_offsets":[0,1]}}""", 1, "dtype '0'")]
    [InlineData("""{"a":{"dtype":5,"shape":[1],"data_offsets":[0,4]}}""", 4, "no dtype")]
    [InlineData("""{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}""", 4, "shape[0] = -1")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1.5],"data_offsets":[0,4]}}""", 4, "1.5")]
    [InlineData("""{"a":{"dtype":"F32","shape":["1"],"data_offsets":[0,4]}}""", 4, "shape[0]")]
    [InlineData("""{"a":{"dtype":"F32","shape":[4294967296,4294967296,4294967296],"data_offsets":[0,4]}}""", 4, "larger than any file")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}""", 4, "data_offsets [4,0]")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4,8]}}""", 4, "[0,4,8]")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,18446744073709551615]}}""", 4, "18446744073709551615")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1]}}""", 4, "data_offsets")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"x":1}}""", 4, "unknown field 'x'")]
    [InlineData("""{"a":[]}""", 0, "'a' is Array")]
    [InlineData("""{"\ud800":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}""", 4, "no valid JSON")]
    [InlineData("""{"__metadata__":{"a":1}}""", 0, "__metadata__.a")]
    [InlineData("""{"__metadata__":{"a":"1","a":"2"}}""", 0, "twice")]
    [InlineData("""{"__metadata__":"x"}""", 0, "__metadata__ is String")]
    [InlineData("""{"a":""", 0, "no valid JSON")]
    [InlineData("""[1,2]""", 0, "expected '{'")]
    public void Bad_headers_are_refused_by_file_and_value(string header, int dataBytes, string expected)
    {
        var path = Save(Image(header, dataBytes));
        var error = Assert.Throws<SafetensorsException>(() => SafetensorsFile.Open(path));
        Assert.Contains(path, error.Message);
        Assert.Contains(expected, error.Message);
    }

    [Fact]
    public void A_long_list_takes_time_by_its_length()
    {
        var path = Save(Image($$$"""{"a":{"dtype":"F32","shape":[{{{string.Join(',', Enumerable.Repeat(1, 200_000))}}},[]],"data_offsets":[0,4]}}""", 4));
        var watch = System.Diagnostics.Stopwatch.StartNew();
        Assert.Contains("shape[200000] = []", Assert.Throws<SafetensorsException>(() => SafetensorsFile.Open(path)).Message);
        // Milliseconds; a minute where each element is looked for from the front.
        Assert.InRange(watch.Elapsed.TotalSeconds, 0, 10);
    }

    [Fact]
    public void Bad_utf8_and_bad_lengths_are_refused()
    {
        string Refusal(byte[] bytes) => Assert.Throws<SafetensorsException>(() => SafetensorsFile.Open(Save(bytes))).Message;
        var header = Encoding.UTF8.GetBytes("""{"a?":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}""");
        header[3] = 0xff;
        Assert.Contains("no valid JSON", Refusal(Image(header, 4)));
        Assert.Contains("too few", Refusal([1, 2, 3]));
        Assert.Contains("header length 0", Refusal(new byte[8]));
        Assert.Contains("18446744073709551615", Refusal([.. Enumerable.Repeat((byte)0xff, 16)]));
        Assert.Contains("header length 9", Refusal([9, 0, 0, 0, 0, 0, 0, 0, .. "{}"u8]));
    }

    [Fact]
    public void A_missing_file_and_a_folder_are_named()
    {
        Assert.Contains(PathOf("none"), Assert.Throws<SafetensorsException>(() => SafetensorsFile.Open(PathOf("none"))).Message);
        Assert.Contains(folder, Assert.Throws<SafetensorsException>(() => SafetensorsFile.Open(folder)).Message);
    }

    [Fact]
    public void Wrong_names_shapes_and_types_are_named()
    {
        var path = PathOf("x.safetensors");
        SafetensorsWriter.Write(path, [SafetensorsEntry.Float32("f", [2, 1], new float[2]), SafetensorsEntry.Int64("i", [], new long[1])]);
        using var file = SafetensorsFile.Open(path);
        Assert.Contains("'fc.weight'", Assert.Throws<SafetensorsException>(() => file["fc.weight"]).Message);
        Assert.Contains("[2,1], expected [1,2]", Assert.Throws<SafetensorsException>(() => file.Require("f", 1, 2)).Message);
        Assert.Equal("f", file.Require("f", 2, 1).Name);
        Assert.Contains("'i' is I64", Assert.Throws<SafetensorsException>(() => file.ReadFloat32("i")).Message);
        Assert.Contains("'i' is I64", Assert.Throws<SafetensorsException>(() => file.ReadFloat64("i")).Message);
        Assert.Contains("'f' is F32", Assert.Throws<SafetensorsException>(() => file.ReadInt64("f")).Message);
        Assert.Contains("expected 3", Assert.Throws<SafetensorsException>(() => file.ReadFloat32("f", new float[3])).Message);
    }

    [Fact]
    public void A_failed_write_leaves_the_old_file_and_no_temporary()
    {
        var path = PathOf("x.safetensors");
        SafetensorsWriter.Write(path, [SafetensorsEntry.Float32("old", [1], new[] { 7f })]);
        var full = new SafetensorsEntry("new", SafetensorsDType.F32, [1], _ => throw new IOException("No space left on device"));
        Assert.Throws<IOException>(() => SafetensorsWriter.Write(path, [full]));
        var shortOne = new SafetensorsEntry("new", SafetensorsDType.F32, [2], s => s.Write(new byte[4]));
        Assert.Contains("wrote 4 bytes", Assert.Throws<SafetensorsException>(() => SafetensorsWriter.Write(path, [shortOne])).Message);
        Assert.Equal([path], Directory.GetFiles(folder));
        using var file = SafetensorsFile.Open(path);
        Assert.Equal([7f], file.ReadFloat32("old"));
    }

    [SkippableFact]
    public void A_disk_that_is_full_is_an_IO_exception()
    {
        Skip.IfNot(File.Exists("/dev/full"), "/dev/full is a device of Linux");
        Assert.ThrowsAny<IOException>(() => SafetensorsWriter.WriteSynced("/dev/full", [SafetensorsEntry.Float32("a", [1], new float[1])]));
    }

    [Fact]
    public void Bad_entries_are_refused()
    {
        void Refused(params SafetensorsEntry[] entries) =>
            Assert.Throws<SafetensorsException>(() => SafetensorsWriter.Write(PathOf("x.safetensors"), entries));
        var entry = SafetensorsEntry.Float32("a", [1], new float[1]);
        Refused(entry, entry);
        Refused(entry with { Name = "" });
        Refused(entry with { Name = "__metadata__" });
        Refused(entry with { Shape = [-1] });
        Refused(entry with { Shape = [1L << 40, 1L << 40] });
        Assert.Throws<SafetensorsException>(() => SafetensorsEntry.Float32("a", [2], new float[1]));
        Assert.Empty(Directory.GetFiles(folder));
    }

    /// <summary>Mutates valid files byte by byte and by splicing: each opens and reads, or is refused with the one exception type.</summary>
    [Fact]
    public void Mutated_files_never_crash()
    {
        var path = PathOf("seed.safetensors");
        SafetensorsWriter.Write(path,
        [
            SafetensorsEntry.Float32("conv1.weight", [2, 3], new float[6]),
            SafetensorsEntry.Int64("n", [], new long[1]),
            SafetensorsEntry.Float32("z", [0], default),
        ], new Dictionary<string, string> { ["format"] = "pt" });
        var seed = File.ReadAllBytes(path);
        string[] splices = ["[", "]", "{", "}", "\"", ",", ":", "-", "9", "0", "1e9", "null", "\\u", "\\ud800", "F64", "I8", "\0", "18446744073709551616"];
        var random = new Random(20240607);
        int opened = 0, refused = 0;
        for (var round = 0; round < 4000; round++)
        {
            var bytes = new List<byte>(seed);
            for (var edits = random.Next(1, 4); edits > 0; edits--)
            {
                Mutate(bytes, random, splices);
            }
            if (random.Next(2) == 0 && bytes.Count > 8) // keep the length true, so that mutations reach past the first check
            {
                BinaryPrimitives.WriteInt64LittleEndian(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(bytes), Math.Max(2, bytes.Count - 8 - 32));
            }
            if (TryReadAll(Save([.. bytes])))
            {
                opened++;
            }
            else
            {
                refused++;
            }
        }
        Assert.True(opened > 50 && refused > 2000, $"{opened} opened, {refused} refused: the mutations no longer exercise both sides");
    }

    private static void Mutate(List<byte> bytes, Random random, string[] splices)
    {
        var at = random.Next(bytes.Count);
        switch (random.Next(4))
        {
            case 0: bytes[at] = (byte)random.Next(256); break;
            case 1: bytes.RemoveRange(at, Math.Min(random.Next(1, 9), Math.Max(0, bytes.Count - 1 - at))); break;
            case 2: bytes.InsertRange(at, Encoding.UTF8.GetBytes(splices[random.Next(splices.Length)])); break;
            default: bytes[at] ^= (byte)(1 << random.Next(8)); break;
        }
    }

    private static bool TryReadAll(string path)
    {
        try
        {
            using var file = SafetensorsFile.Open(path);
            foreach (var tensor in file.Tensors)
            {
                Assert.Equal(tensor.End - tensor.Begin, file.ReadBytes(tensor.Name).Length);
            }
            return true;
        }
        catch (SafetensorsException)
        {
            return false;
        }
    }
}

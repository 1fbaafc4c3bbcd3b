using Xunit;

namespace XClr.Train.Tests;

public sealed class KeysFileTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("xclr-keys-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    private string Written(params string[] keys)
    {
        KeysFile.Write(Path.Combine(folder, "out.safetensors"), keys);
        return Path.Combine(folder, "out.keys.txt");
    }

    [Fact]
    public void A_key_is_a_line_whatever_is_in_it()
    {
        Assert.Equal("a b\nc\\nd\ne\\rf\\\\\n\n\uFFFD\u00e9\n"u8, File.ReadAllBytes(Written("a b", "c\nd", "e\rf\\", "", "\ud800\u00e9")));
        Written();
        Assert.Empty(Directory.GetFiles(folder));
    }

    /// <summary>The keys of a large set are more than one string holds, 2^30 characters.</summary>
    [Fact]
    public void Keys_are_written_one_by_one()
    {
        var keys = Enumerable.Repeat(new string('k', 10_000), 1000).ToArray();
        Written(keys);
        var before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Equal(10_001_000, new FileInfo(Written(keys)).Length);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1_000_000);
    }
}

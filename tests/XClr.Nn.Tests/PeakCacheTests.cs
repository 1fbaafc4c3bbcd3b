using XClr.Bench;

namespace XClr.Nn.Tests;

public sealed class PeakCacheTests : IDisposable
{
    private readonly TempFolder folder = new();

    [SkippableTheory, EachDevice]
    public void Peaks_are_measured_once(string name)
    {
        var device = TestDevices.Get(name);
        lock (TestDevices.Gate)
        {
            var first = PeakCache.Get(device, folder);
            Assert.InRange(first.GigabytesPerSecond, 1e-3, 1e5);
            Assert.InRange(first.GigaflopsPerSecond, 1e-3, 1e7);
            Assert.Equal(first, PeakCache.Get(device, folder));
            TestDevices.RequireSilence(device);
        }
    }

    [SkippableFact]
    public void Peaks_are_measured_again_where_asked_or_damaged()
    {
        var device = TestDevices.Get(TestDevices.Lavapipe);
        lock (TestDevices.Gate)
        {
            var first = PeakCache.Get(device, folder);
            var second = PeakCache.Get(device, folder, measure: true);
            Assert.True(second.Measured > first.Measured);
            var file = Assert.Single(Directory.GetFiles(folder));
            File.WriteAllText(file, File.ReadAllText(file).Replace("gigaflops", "gigaflop", StringComparison.Ordinal));
            Assert.True(PeakCache.Get(device, folder).Measured > second.Measured);
        }
    }

    public void Dispose() => folder.Dispose();
}

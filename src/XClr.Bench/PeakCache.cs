using System.Globalization;
using System.Text;
using XClr.Gpu;

namespace XClr.Bench;

/// <summary>
/// Peaks of a device and driver, kept in a text file beside the pipeline cache: name and value a line. A file of other code or one that cannot be read is measured anew.
/// </summary>
public static class PeakCache
{
    /// <summary>The kept peaks, or those measured now.</summary>
    /// <param name="device">The device.</param>
    /// <param name="folder">Folder of the pipeline cache; null: nothing is kept.</param>
    /// <param name="measure">True measures even where there are kept ones.</param>
    public static DevicePeaks Get(GpuDevice device, string? folder, bool measure = false)
    {
        var file = folder is null ? null : FileOf(device.Caps, folder);
        if (!measure && file is not null && Read(file) is { } kept)
        {
            return kept;
        }
        var peaks = PeakBench.Measure(device);
        if (file is not null)
        {
            Write(file, peaks);
        }
        return peaks;
    }

    /// <summary>Caps that were lowered may take other kernels, so they have peaks of their own.</summary>
    internal static string FileOf(DeviceCaps caps, string folder) =>
        Path.Combine(folder, $"peaks-{caps.FileKey}{(caps.CpuKernels ? "-word" : "")}{(caps.CooperativeMatrix ? "-coopmat" : "")}.txt");

    internal static DevicePeaks? Read(string file)
    {
        try
        {
            var values = File.ReadAllLines(file).Select(l => l.Split(' ', 2)).Where(p => p.Length == 2).ToDictionary(p => p[0], p => p[1]);
            double? Number(string key) => double.TryParse(values.GetValueOrDefault(key), NumberStyles.Float, CultureInfo.InvariantCulture, out var v) && v > 0 && double.IsFinite(v) ? v : null;
            return values.GetValueOrDefault("code") == PeakBench.CodeHash && Number("gigabytes") is { } copy && Number("gigaflops") is { } fma
                && DateTimeOffset.TryParse(values.GetValueOrDefault("measured"), CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var measured)
                ? new DevicePeaks(copy, fma, Number("matrix_gigaflops"), measured)
                : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            return null;
        }
    }

    internal static void Write(string file, DevicePeaks peaks)
    {
        string Line(string key, double value) => string.Create(CultureInfo.InvariantCulture, $"{key} {value:R}");
        string[] matrix = peaks.MatrixGigaflopsPerSecond is { } m ? [Line("matrix_gigaflops", m)] : [];
        string[] lines = [$"code {PeakBench.CodeHash}", Line("gigabytes", peaks.GigabytesPerSecond), Line("gigaflops", peaks.GigaflopsPerSecond), .. matrix, $"measured {peaks.Measured:O}"];
        CacheFile.TryReplace(file, Encoding.UTF8.GetBytes(string.Join('\n', lines)));
    }
}

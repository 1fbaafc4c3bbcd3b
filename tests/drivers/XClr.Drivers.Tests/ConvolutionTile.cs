using System.Globalization;

namespace XClr.Drivers.Tests;

/// <summary>A tile of a convolution that some devices take and others pass over because of their compilers' figures.</summary>
/// <param name="Kernel">Its key: name and specialisation.</param>
/// <param name="Columns">Columns of the tile.</param>
/// <param name="TakenBy">Devices by their figures.</param>
/// <param name="PassedOverBy">Devices by their figures.</param>
internal sealed record ConvolutionTile(string Kernel, int Columns, string TakenBy, string PassedOverBy)
{
    // The last specialisation constant of the portable convolutions, QUADS: columns / 32 (shaders/README.md).
    private const int ColumnsPerQuad = 32;
    private static readonly string[] Families = ["conv/conv2d_fwd<", "conv/conv2d_bwd_data<", "conv/conv2d_bwd_weight<"];

    /// <summary>Columns of a portable convolution's tile; null for other kernels.</summary>
    public static int? ColumnsOf(string key) =>
        Array.Exists(Families, f => key.StartsWith(f, StringComparison.Ordinal)) ? int.Parse(key.Split(',', '<')[^1].TrimEnd('>'), CultureInfo.InvariantCulture) * ColumnsPerQuad : null;

    /// <summary>Every tile that is taken somewhere and passed over elsewhere.</summary>
    public static IEnumerable<ConvolutionTile> Decided(IReadOnlyList<DeviceBuild> builds)
    {
        var open = builds.Where(b => b.Opens).ToList();
        foreach (var key in open.SelectMany(b => b.PassedOver).Select(k => k.Key).Distinct().Where(k => ColumnsOf(k) is not null).Order(StringComparer.Ordinal))
        {
            var taken = Devices(open, b => b.Kernels, key);
            if (taken.Length > 0)
            {
                yield return new(key, ColumnsOf(key)!.Value, taken, Devices(open, b => b.PassedOver, key));
            }
        }
    }

    private static string Devices(IEnumerable<DeviceBuild> builds, Func<DeviceBuild, IReadOnlyList<CompiledKernel>> kernels, string key) => string.Join("; ", builds
        .SelectMany(b => kernels(b).Where(k => k.Key == key).Select(k => (b.Device, Figures: $"spills {k.Spills}{(k.Occupancy is null ? "" : $", occupancy {k.Occupancy}")}")))
        .Distinct().GroupBy(d => d.Figures, d => d.Device).Select(g => $"{string.Join(", ", g)} ({g.Key})"));
}

using System.Globalization;
using System.Text;

namespace XClr.Gpu;

/// <summary>
/// How the kernels that this device's compiler was asked about fit it, kept in a text file beside the pipeline cache: a line per kernel, "spills occupancy code-hash key", '-' for what the driver
/// does not say. Lines of other code are forgotten.
/// </summary>
internal sealed class KernelFigures
{
    private readonly Dictionary<string, KernelFit> fits = [];
    private readonly string? file;
    private bool grown;

    private KernelFigures(string? file) => this.file = file;

    /// <summary>The kernels to be passed over.</summary>
    public IEnumerable<KernelFit> PassedOver => fits.Values.Where(f => !f.RunsWell);

    /// <summary>Whether there are figures, and none of them says what did not fit in registers.</summary>
    public bool HideSpills => fits.Count > 0 && fits.Values.All(f => f.Spills is null);

    /// <param name="caps">The device.</param>
    /// <param name="folder">Folder of the pipeline cache; null: nothing is kept.</param>
    public static KernelFigures Open(DeviceCaps caps, string? folder)
    {
        var figures = new KernelFigures(folder is null ? null : Path.Combine(folder, $"kernels-{caps.FileKey}-{caps.DriverVersion:x}.txt"));
        try
        {
            foreach (var line in File.Exists(figures.file) ? File.ReadAllLines(figures.file) : [])
            {
                figures.Take(line);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Without the file the compiler is asked again.
        }
        return figures;
    }

    public bool Knows(Kernel kernel) => fits.ContainsKey(kernel.Key);

    public void Add(KernelStatistics statistics)
    {
        fits[statistics.Kernel] = statistics.Fit;
        grown = true;
    }

    public void Save()
    {
        if (file is null || !grown)
        {
            return;
        }
        grown = false;
        var lines = fits.Values.OrderBy(f => f.Key, StringComparer.Ordinal).Select(f => $"{Text(f.Spills)} {Text(f.Occupancy)} {ShaderLibrary.Hash(NameOf(f.Key))} {f.Key}\n");
        CacheFile.TryReplace(file, Encoding.UTF8.GetBytes(string.Concat(lines)));
    }

    private void Take(string line)
    {
        if (line.Split(' ', 4) is [var spills, var occupancy, var hash, var key] && ShaderLibrary.Names.Contains(NameOf(key)) && ShaderLibrary.Hash(NameOf(key)) == hash)
        {
            fits[key] = new KernelFit(key, Number(spills), Number(occupancy));
        }
    }

    private static string Text(int? figure) => figure?.ToString(CultureInfo.InvariantCulture) ?? "-";

    private static int? Number(string text) => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var figure) ? figure : null;

    private static string NameOf(string key) => key.Split('<')[0];
}

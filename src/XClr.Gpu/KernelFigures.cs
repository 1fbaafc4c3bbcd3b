using System.Collections.Immutable;

namespace XClr.Gpu;

/// <summary>
/// Which of the kernels that this device's compiler was asked about run well (<see cref="KernelStatistics.RunsWell"/>), kept in a text file beside the pipeline cache: a line per
/// kernel, "1 code-hash key", or 0 for those to be passed over. Lines of other code are forgotten.
/// </summary>
internal sealed class KernelFigures
{
    private readonly Dictionary<string, bool> runsWell = [];
    private readonly string? file;
    private bool grown;

    private KernelFigures(string? file) => this.file = file;

    /// <summary>Keys of the kernels to be passed over.</summary>
    public ImmutableHashSet<string> PassedOver => [.. runsWell.Where(k => !k.Value).Select(k => k.Key)];

    /// <param name="caps">The device.</param>
    /// <param name="folder">Folder of the pipeline cache; null: nothing is kept.</param>
    public static KernelFigures Open(DeviceCaps caps, string? folder)
    {
        var figures = new KernelFigures(folder is null ? null : Path.Combine(folder, $"kernels-{caps.DeviceUuid:N}-{caps.DriverUuid:N}.txt"));
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

    public bool Knows(Kernel kernel) => runsWell.ContainsKey(kernel.Key);

    public void Add(KernelStatistics statistics)
    {
        runsWell[statistics.Kernel] = statistics.RunsWell;
        grown = true;
    }

    public void Save()
    {
        if (file is null || !grown)
        {
            return;
        }
        grown = false;
        var temporary = $"{file}.{Environment.ProcessId}.tmp";
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(file)!);
            File.WriteAllLines(temporary, runsWell.OrderBy(k => k.Key, StringComparer.Ordinal).Select(k => $"{(k.Value ? 1 : 0)} {ShaderLibrary.Hash(NameOf(k.Key))} {k.Key}"));
            File.Move(temporary, file, overwrite: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            File.Delete(temporary);
        }
    }

    private void Take(string line)
    {
        if (line.Split(' ', 3) is ["0" or "1", var hash, var key] && ShaderLibrary.Names.Contains(NameOf(key)) && ShaderLibrary.Hash(NameOf(key)) == hash)
        {
            runsWell[key] = line[0] == '1';
        }
    }

    private static string NameOf(string key) => key.Split('<')[0];
}

using System.Globalization;
using CommandLine;
using XClr.Gpu;
using XClr.Train;

namespace XClr.Cli.Commands;

[Verb("devices", HelpText = "List the Vulkan devices and what they can do; * is the one that runs by default.")]
public sealed class DevicesCommand : Command
{
    /// <inheritdoc/>
    public override int Run()
    {
        var refused = new List<string>();
        // With what an earlier trial said of its matrices.
        var known = TrainSetup.DeviceOptions(null, null) with { LowerCaps = "" };
        var devices = GpuDevice.List(refused.Add).Select(d => d with { Caps = d.Caps with { MatricesPay = GpuDevice.Limit(d.Caps, known).MatricesPay } }).ToList();
        var chosen = DeviceSelector.Pick(devices, Environment.GetEnvironmentVariable(DeviceSelector.Variable));
        if (Json)
        {
            Output.Json(new { devices = devices.Select(d => new { d.Index, chosen = d == chosen, d.Caps }), refused });
        }
        else
        {
            Print(devices, chosen);
        }
        refused.ForEach(r => Output.Warn($"Passed over: {r}."));
        return ExitCode.Success;
    }

    private static void Print(IReadOnlyList<DeviceInfo> devices, DeviceInfo chosen)
    {
        var table = Output.Table("", "index", "name", "kind", "driver", "memory", "subgroup", "fp16", "bf16", "matrices", "UUID");
        foreach (var device in devices)
        {
            var caps = device.Caps;
            table.Row(
                device == chosen ? "*" : "",
                device.Index.ToString(CultureInfo.InvariantCulture),
                caps.Name,
                caps.Kind.LowerName(),
                $"{caps.DriverName} {caps.DriverInfo}".Trim(),
                string.Create(CultureInfo.InvariantCulture, $"{caps.DeviceLocalBytes / (double)(1L << 30):F1} GiB"),
                caps.MinSubgroupSize == caps.MaxSubgroupSize ? $"{caps.SubgroupSize}" : $"{caps.MinSubgroupSize} to {caps.MaxSubgroupSize}",
                caps.ShaderFloat16 ? "yes" : "no",
                caps.BFloat16 ? "yes" : "no",
                caps.CooperativeMatrix ? string.Join(' ', caps.CooperativeMatrixShapes.Select(s => $"{s.M}x{s.N}x{s.K}").Distinct()) + (caps.UsesMatrices ? "" : " (not used)") : "no",
                caps.DeviceUuid.ToString());
        }
        Output.Results.Write(table);
    }
}

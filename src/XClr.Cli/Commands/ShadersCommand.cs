using System.Globalization;
using System.IO.Enumeration;
using CommandLine;
using XClr.Gpu;
using XClr.Train;

namespace XClr.Cli.Commands;

[Verb("shaders", HelpText = "List the kernels: variants, local sizes, bindings, SPIR-V sizes; what this device's compiler makes of them.")]
public sealed class ShadersCommand : Command
{
    [Value(0, MetaName = "filter", HelpText = "Names of the kernels to list, * stands for any text: 'conv/*'; or one as NAME<1,2> with values of its specialisation constants; unset: all.")]
    public string? Filter { get; set; }

    [Option("stats", HelpText = "Add the figures of the device's compiler, specialisation constants at their defaults unless named: registers, spills, occupancy.")]
    public bool Stats { get; set; }

    [Option("disassemble", HelpText = "Print what the device's compiler made of one kernel; NAME or NAME<1,2> with values of its specialisation constants.")]
    public string? Disassemble { get; set; }

    [Option("device", HelpText = "Vulkan device of --stats and --disassemble; unset: XCLR_DEVICE, else the best one [index, name or UUID].")]
    public string? Device { get; set; }

    /// <inheritdoc/>
    public override int Run()
    {
        Require(Disassemble is null || (Filter is null && !Stats), "--disassemble takes one kernel and goes with no filter and no --stats.");
        Require(Device is null || Stats || Disassemble is not null, "--device is of use with --stats and --disassemble only.");
        if (Disassemble is not null)
        {
            ShowListings(Disassemble);
        }
        else
        {
            List(Chosen());
        }
        return ExitCode.Success;
    }

    private IReadOnlyList<ShaderKernel> Chosen()
    {
        if (Filter?.Contains('<', StringComparison.Ordinal) == true)
        {
            return [Named(Filter)];
        }
        var chosen = ShaderKernel.All.Where(k => Filter is null || FileSystemName.MatchesSimpleExpression(Filter, k.Name, ignoreCase: false)).ToList();
        Require(chosen.Count > 0, $"No kernel's name matches '{Filter}'; 'xclr shaders' lists them all.");
        return chosen;
    }

    private static ShaderKernel Named(string key)
    {
        var name = key.Split('<')[0];
        Require(ShaderLibrary.Names.Contains(name), $"There is no kernel '{name}'; 'xclr shaders' lists them.{OptionText.Suggestion(name, ShaderLibrary.Names)}");
        try
        {
            return ShaderKernel.Parse(key);
        }
        catch (GpuException e)
        {
            throw new UsageException(e.Message);
        }
    }

    private void List(IReadOnlyList<ShaderKernel> kernels)
    {
        using var device = Stats ? OpenWithFigures() : null;
        var figures = new KernelStatistics?[kernels.Count];
        if (device is not null)
        {
            Parallel.For(0, kernels.Count, i => figures[i] = kernels[i].Lacks(device.Caps) is null ? device.Statistics(kernels[i].On(device.Caps)) : null);
        }
        if (Json)
        {
            Output.Json(new { device = device?.Caps.Name, kernels = kernels.Zip(figures, (k, f) => Facts(k, f, device?.Caps)) });
        }
        else
        {
            Print(kernels, figures, device?.Caps);
        }
    }

    private static object Facts(ShaderKernel kernel, KernelStatistics? figures, DeviceCaps? caps) => new
    {
        kernel.Name,
        kernel.Operation,
        kernel.Variant,
        localSize = kernel.Interface.LocalSize is { } size ? new[] { size.X, size.Y, size.Z } : null,
        kernel.Reads,
        kernel.Writes,
        kernel.Texels,
        kernel.PushBytes,
        specializationConstants = kernel.Interface.SpecializationIds.Count,
        kernel.SpirvBytes,
        kernel.Interface.Capabilities,
        deviceLacks = caps is null ? null : kernel.Lacks(caps),
        statistics = figures,
    };

    private static void Print(IReadOnlyList<ShaderKernel> kernels, KernelStatistics?[] figures, DeviceCaps? caps)
    {
        var table = Output.Table(["kernel", "variant", "local size", "reads", "of them texels", "writes", "push bytes", "constants", "SPIR-V bytes", .. caps is null ? [] : CompilerFigures.Columns]);
        string Number(int value) => value.ToString(CultureInfo.InvariantCulture);
        for (var i = 0; i < kernels.Count; i++)
        {
            var k = kernels[i];
            IReadOnlyList<string> told = caps is null ? [] : k.Lacks(caps) is { } lack ? [$"no {lack}", "", "", "", "", ""] : CompilerFigures.Cells(figures[i]);
            var size = k.Interface.LocalSize is { } s ? $"{s.X}x{s.Y}x{s.Z}" : "by constant";
            table.Row([k.Name, k.Variant, size, Number(k.Reads), Number(k.Texels), Number(k.Writes), Number(k.PushBytes), Number(k.Interface.SpecializationIds.Count), Number(k.SpirvBytes), .. told]);
        }
        Output.Results.Write(table);
        Output.WriteFacts([("kernels", $"{kernels.Count}, of {kernels.DistinctBy(k => k.Operation).Count()} operations"), .. caps is null ? [] : new[] { ("device", caps.Name) }]);
    }

    private void ShowListings(string key)
    {
        var kernel = Named(key);
        using var device = OpenWithFigures();
        if (kernel.Lacks(device.Caps) is { } lack)
        {
            throw new GpuException($"{device.Caps.Name} cannot run {kernel.Name}: it has no {lack}.");
        }
        var statistics = device.Statistics(kernel.On(device.Caps), listings: true)!;
        if (statistics.Listings.Count == 0)
        {
            throw new GpuException($"The driver of {device.Caps.Name} ({device.Caps.DriverName}) gives figures but no listings of {key}.");
        }
        if (Json)
        {
            Output.Json(new { device = device.Caps.Name, statistics });
        }
        else
        {
            foreach (var listing in statistics.Listings)
            {
                Console.Out.WriteLine($"; {key}: {listing.Name}\n{listing.Text.TrimEnd()}\n");
            }
        }
    }

    private GpuDevice OpenWithFigures()
    {
        var device = TrainSetup.OpenDevice(Device);
        if (device.Caps.PipelineStatistics)
        {
            return device;
        }
        var (name, driver) = (device.Caps.Name, $"{device.Caps.DriverName} {device.Caps.DriverInfo}");
        device.Dispose();
        throw new GpuException($"The driver of {name} ({driver}) tells nothing of what it compiles: it lacks VK_KHR_pipeline_executable_properties. Name another --device; 'xclr devices' lists them.");
    }
}

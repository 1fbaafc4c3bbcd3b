using System.Collections.Concurrent;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace XClr.Drivers.Tests;

/// <summary>A kernel of a step as a device's compiler made it; null: its driver does not say.</summary>
internal sealed record CompiledKernel(string Key, int? Spills, int? Occupancy);

/// <summary>
/// The step of a ResNet-50 at 224x224, 12 rows, built and submitted on one device (`xclr train --plan --build`) under the validation layer, whose messages make the program fail.
/// </summary>
internal sealed partial class DeviceBuild
{
    /// <summary>Devices by the names that in_root.sh knows.</summary>
    public static IReadOnlyList<string> Devices { get; } =
    [
        "amd:vega20", "amd:navi10", "amd:navi21", "amd:navi31", "amd:strix1", "amd:gfx1201",
        "nvidia:118", "nvidia:140", "nvidia:162", "nvidia:172", "nvidia:194", "nvidia:1b2",
        "intel:skl", "intel:tgl", "intel:dg2", "intel:mtl", "intel:lnl", "intel:bmg",
        "adreno:630", "adreno:660", "adreno:702", "adreno:730", "adreno:740", "adreno:750",
        "apple:m1",
    ];

    /// <summary>What --precision is given: fp32's step, amp's with cooperative matrices where a device has them, and bf16's.</summary>
    public static IReadOnlyList<string> Precisions { get; } = ["fp32", "amp", "bf16"];

    // The others refuse it.
    private static readonly string[] ReportBFloat16 = ["amd:gfx1201", "intel:dg2", "intel:lnl", "intel:bmg"];

    /// <summary>Devices that can run a precision.</summary>
    public static IReadOnlyList<string> DevicesOf(string precision) => precision == "bf16" ? ReportBFloat16 : Devices;

    private const int DeviceRefused = 4;

    // A shim has 4 GB of memory in all. Six samples of two views are twelve rows: enough for the first stage to keep no outputs of last convolutions (MomentNormOp).
    private static readonly string[] Step =
        ["train", "--plan", "--build", "--json", "--arch", "resnet50", "--image-size", "224", "--batch-size", "6", "--loss", "xclr", "--memory-limit", "3GiB"];

    private static readonly ConcurrentDictionary<(string Device, string Precision), Lazy<DeviceBuild>> Built = new();
    private readonly JsonElement facts;

    private DeviceBuild(string device, string precision)
    {
        Device = device;
        Run = DriverRoot.Xclr(device, [.. Step, "--precision", precision]);
        if (Run.ExitCode == 0)
        {
            facts = JsonDocument.Parse(Run.Output).RootElement;
            File.WriteAllText(Path.Combine(Directory.CreateDirectory(Path.Combine(DriverRoot.Build, "results")).FullName, $"{device.Replace(':', '-')}-{precision}.json"), Run.Output);
        }
    }

    public string Device { get; }
    public ProgramResult Run { get; }
    public bool Opens => Run.ExitCode == 0;

    /// <summary>Why the program refuses the device, where it has less than Vulkan 1.2 and the message says so by name; else null.</summary>
    public string? Refusal => Run.ExitCode == DeviceRefused && TooOld().Match(Run.Errors) is { Success: true } match ? match.Value.Trim() : null;

    public JsonElement Plan => facts.GetProperty("plan");
    public double HostMs => facts.GetProperty("hostMs").GetDouble();
    public IReadOnlyList<CompiledKernel> Kernels => Compiled("kernels");

    /// <summary>Kernels that the compiler does badly, in whose place others were taken.</summary>
    public IReadOnlyList<CompiledKernel> PassedOver => Compiled("passedOver");

    /// <summary>The build of a device, made when first asked for; skips the calling test where it cannot be made here.</summary>
    public static DeviceBuild Of(string device, string precision)
    {
        DriverRoot.Require(device);
        return Built.GetOrAdd((device, precision), key => new(() => new DeviceBuild(key.Device, key.Precision))).Value;
    }

    [GeneratedRegex(@"(?<=No device can be used: )[^\n]+ has Vulkan 1\.[01]\.\d+, and 1\.2 is needed")]
    private static partial Regex TooOld();

    private IReadOnlyList<CompiledKernel> Compiled(string property) =>
        [.. facts.GetProperty(property).EnumerateArray().Select(k => new CompiledKernel(k.GetProperty("key").GetString()!, Number(k, "spills"), Number(k, "occupancy")))];

    private static int? Number(JsonElement element, string name) => element.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number ? value.GetInt32() : null;
}

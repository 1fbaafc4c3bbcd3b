using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using XClr.Gpu;
using Xunit;

namespace XClr.TestKit;

/// <summary>
/// The Vulkan devices that tests run on, opened once per process under the current validation layer with synchronization validation:
/// Debian's lavapipe, the same with caps at the portable floor, and SwiftShader. A device whose driver is not installed skips its tests by name.
/// XCLR_TEST_DRIVERS, files of Vulkan drivers (lvp_icd.json, vk_swiftshader_icd.json) with ':' between them, names others than this machine's; they run under the validation layer that the loader finds.
/// A driver that is neither of the two counts as a card's: its first device, whose tests run under the layer that XCLR_VALIDATION asks for (tests/device).
/// </summary>
public static class TestDevices
{
    public const string Lavapipe = "lavapipe";
    public const string Floor = "lavapipe-floor";
    public const string SwiftShader = "swiftshader";
    public const string Card = "card";

    /// <summary>Caps of <see cref="Floor"/>: everything that engine.md's portable floor does not promise is off or small.</summary>
    public const string FloorCaps = "maxStorageBufferRange=1M,maxComputeWorkGroupCount=64,maxComputeSharedMemorySize=16K,maxComputeWorkGroupInvocations=256,shaderFloat16=0,storageBuffer16Bit=0,cpuKernels=0,shaderInt64=0";
    public const string DriversVariable = "XCLR_TEST_DRIVERS";
    private const string ChromiumFolder = "/usr/lib/chromium";
    private static readonly ConcurrentDictionary<string, Lazy<GpuDevice?>> Opened = new();
    private static readonly string? NamedDrivers = Environment.GetEnvironmentVariable(DriversVariable) is { Length: > 0 } files ? files : null;
    private static readonly bool HasCurrentLayer = NamedDrivers is null ? PointLoaderAtChromium() : PointLoaderAt(NamedDrivers);

    /// <summary>Names of all test devices.</summary>
    public static IReadOnlyList<string> All { get; } = NamedDrivers is null ? [Lavapipe, Floor, SwiftShader] : NamesOf(NamedDrivers);

    /// <summary>One op test runs at a time: a device is not thread-safe.</summary>
    public static Lock Gate { get; } = new();

    /// <summary>The shared device of that name; skips the calling test (a SkippableFact or SkippableTheory) where its driver is missing.</summary>
    public static GpuDevice Get(string name)
    {
        var device = Opened.GetOrAdd(name, n => new(() => TryOpen(n))).Value;
        Skip.If(device is null, $"{name}: its driver or the validation layer is not installed");
        return device!;
    }

    /// <summary>Opens an own device of that name, for tests that look at opening and disposal. Skips as <see cref="Get"/>.</summary>
    public static GpuDevice Open(string name, string? caps = null, ShaderFolder? shaders = null)
    {
        var device = TryOpen(name, caps, shaders);
        Skip.If(device is null, $"{name}: its driver or the validation layer is not installed");
        return device!;
    }

    /// <summary>Throws when the validation layer had something to say about this device's instance.</summary>
    public static void RequireSilence(GpuDevice device)
    {
        var messages = device.ValidationMessages;
        Assert.True(messages.Count == 0, $"{messages.Count} validation messages, the first: {messages.FirstOrDefault()}");
    }

    private static GpuDevice? TryOpen(string name, string? caps = null, ShaderFolder? shaders = null)
    {
        if (!HasCurrentLayer || Find(name) is not { } pattern)
        {
            return null;
        }
        if (name == Card)
        {
            return GpuDevice.Open(new DeviceOptions { Device = pattern, LowerCaps = Lowered(caps ?? ""), Shaders = shaders });
        }
        return GpuDevice.Open(new DeviceOptions { Device = pattern, Validation = ValidationLevel.Synchronization, LowerCaps = Lowered(caps ?? (name == Floor ? FloorCaps : "")), Shaders = shaders });
    }

    // Storage as bfloat16 is tested everywhere; it needs no feature.
    private static string Lowered(string caps) => $"{caps},needsBFloat16=0";

    private static string? Find(string name)
    {
        var names = GpuDevice.List().Select(d => d.Caps.Name);
        return name == Card ? names.FirstOrDefault() : names.FirstOrDefault(n => n.Contains(name == SwiftShader ? "SwiftShader" : "llvmpipe", StringComparison.OrdinalIgnoreCase));
    }

    private static IReadOnlyList<string> NamesOf(string drivers) =>
        [.. drivers.Split(':').Select(Path.GetFileName).SelectMany<string?, string>(file => file!.StartsWith("lvp_icd", StringComparison.Ordinal) ? [Lavapipe, Floor]
            : file.Contains("swiftshader", StringComparison.OrdinalIgnoreCase) ? [SwiftShader]
            : [Card])];

    private static bool PointLoaderAt(string drivers)
    {
        if (Array.Find(drivers.Split(':'), f => !File.Exists(f)) is { } missing)
        {
            throw new FileNotFoundException($"{DriversVariable}: there is no file '{missing}'.");
        }
        SetEnv("VK_DRIVER_FILES", drivers);
        return true;
    }

    // The native loader reads the C environment, which .NET's SetEnvironmentVariable does not change.
    private static bool PointLoaderAtChromium()
    {
        var layer = Path.Combine(ChromiumFolder, "libVkLayer_khronos_validation.so");
        if (!OperatingSystem.IsLinux() || !File.Exists(layer))
        {
            return false;
        }
        var folder = Directory.CreateTempSubdirectory("xclr-layer").FullName;
        File.WriteAllText(Path.Combine(folder, "validation.json"), $$$"""
            {"file_format_version": "1.2.0", "layer": {"name": "VK_LAYER_KHRONOS_validation", "type": "GLOBAL", "library_path": "{{{layer}}}", "api_version": "1.4.300",
            "implementation_version": "1", "description": "validation", "instance_extensions": [{"name": "VK_EXT_debug_utils", "spec_version": "1"}, {"name": "VK_EXT_validation_features", "spec_version": "2"}]}}
            """);
        SetEnv("VK_LAYER_PATH", folder);
        SetEnv("VK_ADD_DRIVER_FILES", Path.Combine(ChromiumFolder, "vk_swiftshader_icd.json"));
        // Old lavapipes do not know the vector width in their cache's keys: each width gets a cache of its own.
        var width = Environment.GetEnvironmentVariable("LP_NATIVE_VECTOR_WIDTH") ?? "default";
        SetEnv("MESA_SHADER_CACHE_DIR", Directory.CreateDirectory(Path.Combine(Repository.Root, "build", "shader-cache", width)).FullName);
        AppDomain.CurrentDomain.ProcessExit += (_, _) => Directory.Delete(folder, recursive: true);
        return true;
    }

    private static void SetEnv(string name, string value)
    {
        if (setenv(name, value, 0) != 0)
        {
            throw new InvalidOperationException($"setenv({name}) failed.");
        }
    }

    [DllImport("libc", CharSet = CharSet.Ansi, BestFitMapping = false, ThrowOnUnmappableChar = true)]
    private static extern int setenv(string name, string value, int overwrite);
}

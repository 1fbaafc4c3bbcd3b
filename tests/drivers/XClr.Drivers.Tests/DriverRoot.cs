using System.Diagnostics;

namespace XClr.Drivers.Tests;

/// <summary>The root that tests/drivers/make_root.sh makes, and programs in it.</summary>
internal static class DriverRoot
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(5);

    /// <summary>Where the root and its results lie.</summary>
    public static string Build { get; } = Path.Combine(Repository.Root, "build", "drivers");

    /// <summary>Version of the Mesa package in the root.</summary>
    public static string Mesa => File.ReadAllText(Path.Combine(Build, "mesa.version")).Trim();

    /// <summary>Version of Mesa on which no kernel spilled.</summary>
    public static string LockedMesa => File.ReadAllText(Path.Combine(Repository.Root, "tests", "drivers", "mesa.lock")).Trim();

    /// <summary>Skips the calling test where there is no root, or no shim for this device.</summary>
    public static void Require(string device)
    {
        var missing = Path.Combine(Build, "missing");
        Skip.If(File.Exists(missing), $"{device}: {(File.Exists(missing) ? File.ReadAllText(missing).Trim() : "")}");
        Skip.IfNot(File.Exists(Path.Combine(Build, "mesa.version")), $"{device}: there is no driver root; ./xclr test --drivers makes it");
        Skip.If(device.StartsWith("intel:", StringComparison.Ordinal) && !File.Exists(Path.Combine(Build, "libintel_noop_drm_shim.so")), $"{device}: Intel's shim could not be built");
    }

    /// <summary>Runs the program beside the tests in the root on a device; one that takes too long fails the test.</summary>
    public static ProgramResult Xclr(string device, params string[] args) => Run(device, ["XCLR_VALIDATION=core", Path.Combine(AppContext.BaseDirectory, "xclr"), .. args]);

    /// <summary>Runs a command in the root as it is on a machine without .NET, on the root's lavapipe.</summary>
    public static ProgramResult Bare(params string[] command) => Run("--bare", ["lavapipe", .. command]);

    private static ProgramResult Run(string first, string[] rest) =>
        Programs.Start(new ProcessStartInfo(Path.Combine(Repository.Root, "tests", "drivers", "in_root.sh"), [first, .. rest])).Result(Limit);
}

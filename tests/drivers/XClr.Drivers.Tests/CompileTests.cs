using Xunit.Abstractions;

namespace XClr.Drivers.Tests;

/// <summary>The real compilers of 25 devices on the kernels that the engine chooses there.</summary>
public sealed class CompileTests(ITestOutputHelper output)
{
    /// <summary>Time of one submit call: submits do nothing under a shim, so it is all the host's; the validation layer's share is in it.</summary>
    private const double HostMsLimit = 0.5;

    /// <summary>Turnip reports Vulkan 1.0 for it in Mesa 26.2.6.</summary>
    private static readonly string[] BelowTheFloor = ["adreno:702"];

    public static IEnumerable<object[]> Steps => DeviceBuild.Precisions.SelectMany(DeviceBuild.DevicesOf, (precision, device) => (object[])[device, precision]);

    [SkippableTheory]
    [MemberData(nameof(Steps))]
    public void A_step_builds_without_a_spill(string device, string precision)
    {
        var build = DeviceBuild.Of(device, precision);
        if (BelowTheFloor.Contains(device) && build.Refusal is { } refusal)
        {
            output.WriteLine($"{device} is refused by name: {refusal}");
            return;
        }
        Assert.True(build.Opens, $"{device} {precision}: exit code {build.Run.ExitCode}\n{build.Run.Errors}");
        Assert.Equal(12, build.Plan.GetProperty("rows").GetInt32());
        Assert.NotEmpty(build.Kernels);
        Assert.True(build.HostMs <= HostMsLimit, $"{device} {precision}: a submit costs the host {build.HostMs:0.000} ms, at most {HostMsLimit} is allowed");
        var spills = string.Join(", ", build.Kernels.Where(k => k.Spills > 0).Select(k => $"{k.Key}: {k.Spills}"));
        if (DriverRoot.Mesa == DriverRoot.LockedMesa)
        {
            Assert.True(spills.Length == 0, $"{device} {precision} spills: {spills}");
        }
        else if (spills.Length > 0)
        {
            output.WriteLine($"{device} {precision}, changed since Mesa {DriverRoot.LockedMesa}, on {DriverRoot.Mesa}: spills: {spills}");
        }
    }
}

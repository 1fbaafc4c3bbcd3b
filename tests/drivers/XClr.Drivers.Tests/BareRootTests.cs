using Xunit.Abstractions;

namespace XClr.Drivers.Tests;

/// <summary>The published library on a machine that has neither .NET nor libicu.</summary>
public sealed class BareRootTests(ITestOutputHelper output) : IDisposable
{
    private readonly string folder = Directory.CreateDirectory(Path.Combine(DriverRoot.Build, $"bare-{Environment.ProcessId}")).FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [SkippableFact]
    public void The_library_trains_and_embeds_without_dotnet_and_libicu()
    {
        DriverRoot.Require("lavapipe");
        Skip.IfNot(File.Exists("/usr/include/vulkan/vulkan.h"), "libvulkan-dev is not installed");
        PublishedPlugin.Publish();
        var (frames, minimal) = (PublishedPlugin.Compile("host_frames", folder, "-lvulkan"), PublishedPlugin.Compile("host_minimal", folder, "-lm"));
        var photo = Path.Combine(folder, "photo.jpg");
        File.WriteAllBytes(photo, TestImages.Solid(200, 50, 40));
        // The repository is mounted into the root; what it was built with may lie in it.
        var there = DriverRoot.Bare("find", "/", "-path", Repository.Root, "-prune", "-o", "-path", "/proc", "-prune", "-o", "(", "-name", "dotnet", "-type", "f", "-o", "-name", "libhostfxr*", "-o", "-name", "libcoreclr*", "-o", "-name", "libicu*", ")", "-print");
        Assert.True(there is { ExitCode: 0, Output: "" }, $"exit code {there.ExitCode}: {there.Output}{there.Errors}");
        var run = DriverRoot.Bare("sh", "-ec", $"{frames} 3 2000 /tmp/run; {minimal} /tmp/run {photo} {photo}");
        output.WriteLine(run.Output);
        Assert.True(run.ExitCode == 0, $"exit code {run.ExitCode}\n{run.Output}{run.Errors}");
        Assert.Contains("step 3: loss", run.Output, StringComparison.Ordinal);
        Assert.Contains("cosine of the first two: 1.0000", run.Output, StringComparison.Ordinal);
    }
}

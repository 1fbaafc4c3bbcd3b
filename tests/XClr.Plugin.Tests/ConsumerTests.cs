using System.Diagnostics;
using System.Runtime.InteropServices;

namespace XClr.Plugin.Tests;

/// <summary>Projects outside the tree that use what `dotnet pack` and `cmake --install` give.</summary>
[Collection(LibraryCollection.Name)]
public sealed class ConsumerTests : IDisposable
{
    private readonly TempFolder folder = new();

    public void Dispose() => folder.Dispose();

    [SkippableFact]
    public void A_project_with_the_packages_from_a_local_feed_builds_and_runs()
    {
        _ = TestDevices.Get(TestDevices.Lavapipe);
        var feed = folder.File("feed");
        string[] names = ["Gpu", "Nn", "Data", "Text", "Train"];
        foreach (var name in names)
        {
            Run(Repository.Root, "dotnet", "pack", $"src/XClr.{name}", "-c", "Release", "--no-build", "-nologo", "-v", "quiet", "-nodeReuse:false", "-o", feed);
            var files = Entries(Path.Combine(feed, $"XClr.{name}.0.1.0.nupkg"));
            Assert.Contains($"lib/net10.0/XClr.{name}.dll", files);
            Assert.Contains($"lib/net10.0/XClr.{name}.xml", files);
            Assert.Contains("README.md", files);
            Assert.Contains($"lib/net10.0/XClr.{name}.pdb", Entries(Path.Combine(feed, $"XClr.{name}.0.1.0.snupkg")));
        }
        CopyOf("nuget");
        // The packages' README shows this program.
        var shown = File.ReadAllText(Path.Combine(Repository.Root, "src", "README.md")).Split("```csharp\n")[1].Split("```")[0];
        Assert.EndsWith(shown, File.ReadAllText(folder.File("Program.cs")), StringComparison.Ordinal);
        Run(folder, "dotnet", "build", "Consumer.csproj", "-c", "Release", "-nologo", "-v", "quiet", "-nodeReuse:false", "-p:UseSharedCompilation=false");
        var jpeg = folder.File("photo.jpg", TestImages.Solid(200, 500, 400));
        var output = Run(folder, "dotnet", "bin/Release/net10.0/Consumer.dll", jpeg);
        Assert.Matches("image 125x100, loss [0-9.]+", output);
    }

    [SkippableFact]
    public void A_project_that_finds_the_installed_library_builds_and_runs()
    {
        _ = TestDevices.Get(TestDevices.Lavapipe);
        var prefix = folder.File("prefix");
        Run(Repository.Root, "cmake", "--install", "build", "--prefix", prefix);
        CopyOf("cmake");
        Run(folder, "cmake", "-S", ".", "-B", "build", $"-DCMAKE_PREFIX_PATH={prefix}");
        Run(folder, "cmake", "--build", "build");
        Assert.Matches("llvmpipe.*: 128 floats, squares 1\\.0000", Run(folder, "build/consumer"));
    }

    private void CopyOf(string consumer) => folder.Copy(Path.Combine(Repository.Root, "tests", "consumers", consumer));

    private static List<string> Entries(string package)
    {
        using var zip = System.IO.Compression.ZipFile.OpenRead(package);
        return [.. zip.Entries.Select(e => e.FullName)];
    }

    private static string Run(string folder, string program, params string[] args)
    {
        var info = new ProcessStartInfo(program.Contains('/', StringComparison.Ordinal) ? Path.Combine(folder, program) : program, args) { WorkingDirectory = folder };
        info.Environment["XCLR_PACKAGES"] = Environment.GetEnvironmentVariable("NUGET_PACKAGES") ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages");
        info.Environment["XCLR_DEVICE"] = "llvmpipe";
        return Programs.Run(info);
    }
}

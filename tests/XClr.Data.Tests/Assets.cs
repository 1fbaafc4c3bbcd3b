using Xunit;

namespace XClr.Data.Tests;

/// <summary>The test assets beside the repository; tests that need them skip by name where they are missing.</summary>
internal static class Assets
{
    /// <summary>The full path of an asset; skips the calling test where it does not exist.</summary>
    public static string Require(string relative)
    {
        var root = Environment.GetEnvironmentVariable("XCLR_ASSETS") ?? FromRepository();
        var path = root is null ? relative : Path.Combine(root, relative);
        Skip.IfNot(root is not null && (File.Exists(path) || Directory.Exists(path)), $"asset {relative} is not there (XCLR_ASSETS)");
        return path;
    }

    private static string? FromRepository()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "XClr.Vulkan.sln")))
            {
                return Path.GetFullPath(Path.Combine(folder.FullName, "../shared/assets"));
            }
        }
        return null;
    }
}

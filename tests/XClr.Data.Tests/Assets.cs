using Xunit;
using XClr.TestKit;

namespace XClr.Data.Tests;

/// <summary>The test assets beside the repository; tests that need them skip by name where they are missing.</summary>
internal static class Assets
{
    /// <summary>The full path of an asset; skips the calling test where it does not exist.</summary>
    public static string Require(string relative)
    {
        var path = Path.Combine(Repository.Assets, relative);
        Skip.IfNot(Path.Exists(path), $"no {path} (XCLR_ASSETS)");
        return path;
    }
}

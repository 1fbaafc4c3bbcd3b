using Xunit;

namespace XClr.TestKit;

/// <summary>The photographs and models beside the repository: XCLR_ASSETS, or ../shared/assets.</summary>
public static class Assets
{
    /// <summary>Where an asset lies; skips the calling test (a SkippableFact or SkippableTheory) where it does not.</summary>
    public static string Require(string relative)
    {
        var path = Path.Combine(Environment.GetEnvironmentVariable("XCLR_ASSETS") ?? Path.GetFullPath(Path.Combine(Repository.Root, "..", "shared", "assets")), relative);
        Skip.IfNot(Path.Exists(path), $"no {path} (XCLR_ASSETS)");
        return path;
    }
}

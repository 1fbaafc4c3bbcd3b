using XClr.Train.Profiling;

namespace XClr.Cli.Profiling;

/// <summary>A profile as one HTML page.</summary>
internal static class ProfilePage
{
    private static readonly string[] Scripts = ["draw.js", "roofline.js", "treemap.js", "memory.js", "table.js", "page.js"];

    /// <summary>The page.</summary>
    public static string Create(ProfileReport report) => HtmlPage.Create("profile/page.html", ["profile/page.css"], Scripts.Select(s => "profile/" + s), "profile", report);
}

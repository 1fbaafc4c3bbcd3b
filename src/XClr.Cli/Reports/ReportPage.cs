using XClr.Train.Reporting;

namespace XClr.Cli.Reports;

/// <summary>Runs as one HTML page, in the profile page's style.</summary>
internal static class ReportPage
{
    /// <summary>The page.</summary>
    public static string Create(PageReport report) =>
        HtmlPage.Create("report/page.html", ["profile/page.css", "report/report.css"], ["profile/draw.js", "report/curves.js", "report/images.js", "report/page.js"], "report", report);
}

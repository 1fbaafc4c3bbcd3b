using System.Text;
using CommandLine;
using XClr.Cli.Reports;
using XClr.Nn;
using XClr.Train;
using XClr.Train.Reporting;

namespace XClr.Cli.Commands;

[Verb("report", HelpText = "Write a page about runs, or about a comparison: curves, similarity matrices, nearest images, a map, configuration; complete in one file.")]
public sealed class ReportCommand : Command
{
    [Value(0, MetaName = "RUN", Min = 1, HelpText = "Folders of runs or of compare [paths].")]
    public IEnumerable<string> Runs { get; set; } = [];

    [Option("out", Default = "report.html", HelpText = "The file to write [path].")]
    public string Out { get; set; } = "report.html";

    [Option("val-data", HelpText = "Held-out images; unset: each run's own [path].")]
    public string? ValData { get; set; }

    [Option("images", Default = 300, HelpText = "Largest number of held-out images to show [images].")]
    public int Images { get; set; } = 300;

    [Option("device", HelpText = "Vulkan device; unset: XCLR_DEVICE, else the best one [index, name or UUID].")]
    public string? Device { get; set; }

    /// <inheritdoc/>
    public override int Run()
    {
        Require(Images is >= 2 and <= 2000, $"--images {Images}: allowed: a whole number from 2 to 2000.");
        var file = Path.GetFullPath(Out);
        RequireOutput("--out", Out);
        using var signals = new StopSignals(Console.Error.WriteLine);
        var report = PageReport.Create([.. Runs], ValData, Device, Images, Output.Warn, signals.Token);
        var page = ReportPage.Create(report);
        DurableFile.Write(file, stream => stream.Write(Encoding.UTF8.GetBytes(page)));
        if (Json)
        {
            Output.Json(new { file, runs = report.Runs.Select(r => r.Name), bytes = new FileInfo(file).Length });
        }
        else
        {
            Console.Out.WriteLine($"{file}: {report.Runs.Count} run{(report.Runs.Count == 1 ? "" : "s")}");
        }
        return ExitCode.Success;
    }
}

using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace XClr.Cli.Tests;

/// <summary>The page of a run and of a comparison: what stands in it, and that it asks nobody for anything.</summary>
public sealed partial class ReportTests : IDisposable
{
    private readonly TempFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void A_runs_page_holds_its_curves_images_and_configuration()
    {
        var data = TinySet.Write(folder);
        CliProcess.Run(["train", .. data, "--val-data", folder.Path, .. TinySet.Network, "--steps", "3", "--log-every", "1", "--run-dir", folder.File("run")]).Expect(0);
        CliProcess.Run("report", folder.File("run") + "/", "--out", folder.File("report.html"), "--images", "20", "--json").Expect(0);
        var report = Page();
        var run = report.GetProperty("runs")[0];
        Assert.Equal("run", run.GetProperty("name").GetString());
        Assert.Equal(3, run.GetProperty("metrics").EnumerateArray().Count(m => m.TryGetProperty("loss", out _)));
        Assert.Equal("xclr", run.GetProperty("config").GetProperty("loss").GetString());
        var images = run.GetProperty("images");
        Assert.Equal(20, images.GetProperty("images").GetArrayLength());
        Assert.All(images.GetProperty("images").EnumerateArray(), i => Assert.StartsWith("data:image/jpeg;base64,", i.GetProperty("picture").GetString()));
        var n = images.GetProperty("order").GetArrayLength();
        var cosines = images.GetProperty("imageCosines").EnumerateArray().Select(v => v.GetDouble()).ToArray();
        Assert.Equal(n * n, cosines.Length);
        Assert.Equal(n * n, images.GetProperty("textCosines").GetArrayLength());
        for (var i = 0; i < n; i++)
        {
            Assert.Equal(1, cosines[i * n + i], 2e-3);
        }
        Assert.All(images.GetProperty("galleries").EnumerateArray(), g => Assert.DoesNotContain(g.GetProperty("near").EnumerateArray(), x => x.GetProperty("row").GetInt32() == g.GetProperty("image").GetInt32()));
        Assert.InRange(images.GetProperty("explained").GetDouble(), 0.1, 1);
    }

    [Fact]
    public void A_comparisons_page_holds_its_table_and_the_first_seeds_runs()
    {
        CliProcess.Run(["compare", .. TinySet.Write(folder), "--val-data", folder.Path, .. TinySet.Network, "--steps", "2", "--seeds", "1", "--losses", "xclr,simclr", "--protocol", "knn", "--out", folder.File("out")]).Expect(0);
        // The comparison is read where it lies, not where it was made.
        Directory.Move(folder.File("out"), folder.File("moved"));
        CliProcess.Run("report", folder.File("moved"), "--out", folder.File("report.html"), "--images", "8").Expect(0);
        var report = Page();
        Assert.Equal(["untrained", "X-CLR", "SimCLR"], report.GetProperty("rows").EnumerateArray().Select(r => r.GetProperty("name").GetString()));
        Assert.Equal(["seed0-simclr", "seed0-xclr"], report.GetProperty("runs").EnumerateArray().Select(r => r.GetProperty("name").GetString()).Order());
        Assert.Equal(8, report.GetProperty("runs")[1].GetProperty("images").GetProperty("images").GetArrayLength());
    }

    [SkippableFact]
    public void The_curves_of_a_long_run_are_drawn_with_about_two_points_a_pixel()
    {
        Skip.IfNot(File.Exists("/usr/bin/node"), "node is not installed");
        const string Draw = """
            const drawn = [], el = (name, attributes) => ({ name, attributes, append: (...x) => drawn.push(...x) });
            const source = require('fs').readFileSync(process.argv[1], 'utf8');
            const draw = new Function('report', 'el', source + '; return drawCurve')({ runs: [] }, el);
            draw({ clientWidth: 600, replaceChildren() { } }, [{ name: 'run', color: 'red', points: Array.from({ length: 300000 }, (_, i) => [i, Math.sin(i)]) }]);
            console.log(drawn.find(d => d.name === 'path').attributes.d.split('L').length);
            """;
        var curves = Path.Combine(Repository.Root, "src", "XClr.Cli", "Reports", "page", "curves.js");
        Assert.InRange(int.Parse(CliProcess.Run("/usr/bin/node", ["-e", Draw, curves]).Expect(0).Output, CultureInfo.InvariantCulture), 600, 1200);
    }

    private JsonElement Page()
    {
        var page = File.ReadAllText(folder.File("report.html"));
        Assert.DoesNotMatch(@"(src|href)\s*=\s*[""']?(https?:)?//|url\(|@import|fetch\(", page);
        return JsonDocument.Parse(Data().Match(page).Groups[1].Value).RootElement;
    }

    [GeneratedRegex("<script type=\"application/json\" id=\"report\">(.*?)</script>", RegexOptions.Singleline)]
    private static partial Regex Data();
}

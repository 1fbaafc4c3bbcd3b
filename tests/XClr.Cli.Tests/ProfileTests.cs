using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace XClr.Cli.Tests;

public sealed class ProfileTests
{
    private static readonly string[] Tiny = ["profile", "--arch", "resnet18", "--width", "0.0625", "--image-size", "16", "--batch-size", "2", "--loss", "simclr", "--steps", "3"];

    [Fact]
    public void A_tiny_network_is_profiled_with_all_its_files()
    {
        using var folder = new TempFolder();
        var (html, trace, csv) = (folder.File("p.html"), folder.File("p.trace.json"), folder.File("p.csv"));
        // With X-CLR's loss, whose captions are made up here: they must not make the gradients infinite.
        var report = CliProcess.Run([.. Tiny.Where(t => t is not ("--loss" or "simclr")), "--html", html, "--trace", trace, "--csv", csv, "--isolate", "optim/*", "--repeats", "3", "--json"]).Expect(0).Json;
        Assert.Equal("xclr-profile-1", report.GetProperty("schema").GetString());
        var dispatches = report.GetProperty("dispatches").EnumerateArray().ToList();
        var sum = report.GetProperty("totals").GetProperty("sumMs").GetProperty("values").EnumerateArray().Select(v => v.GetDouble()).ToList();
        Assert.Equal(3, sum.Count);
        for (var step = 0; step < sum.Count; step++)
        {
            Assert.Equal(sum[step], dispatches.Sum(d => d.GetProperty("row").GetProperty("timeMs").GetProperty("values")[step].GetDouble()), 6);
        }
        Assert.Equal(["augment", "forward", "loss", "backward", "optimizer"], report.GetProperty("phases").EnumerateArray().Select(p => p.GetProperty("name").GetString()));
        Assert.NotEmpty(report.GetProperty("isolated").EnumerateArray());
        Assert.Equal(1 + dispatches.Count, File.ReadLines(csv).Count());
        Assert.Contains("\"traceEvents\"", File.ReadAllText(trace), StringComparison.Ordinal);
        RequireSelfContained(File.ReadAllText(html));
    }

    // Nothing that a browser would fetch: the only address is the name of SVG's namespace.
    private static void RequireSelfContained(string page)
    {
        Assert.DoesNotContain("/*", Regex.Replace(page, "<style>.*?</style>", "", RegexOptions.Singleline), StringComparison.Ordinal);
        Assert.Equal(["http://www.w3.org/2000/svg"], Regex.Matches(page, "[a-z]+://[^'\"\\s<>]+").Select(m => m.Value).Distinct());
        Assert.DoesNotMatch("(?i)\\s(src|href)\\s*=|@import|url\\(|fetch\\(|XMLHttpRequest|import\\(", page);
        var data = Regex.Match(page, "<script type=\"application/json\" id=\"profile\">(.*?)</script>", RegexOptions.Singleline).Groups[1].Value;
        Assert.NotEmpty(JsonNode.Parse(data)!["kernels"]!.AsArray());
    }

    [Fact]
    public void A_data_sets_threads_are_traced()
    {
        using var folder = new TempFolder();
        var trace = folder.File("p.trace.json");
        string[] arguments = ["profile", .. TinySet.Write(folder), "--arch", "resnet18", "--stem", "small", "--width", "0.0625", "--image-size", "8", "--batch-size", "4", "--workers", "2", "--steps", "3", "--trace", trace, "--json"];
        var report = CliProcess.Run(arguments).Expect(0).Json;
        Assert.Equal(folder.Path, report.GetProperty("subject").GetProperty("data").GetString());
        var events = JsonNode.Parse(File.ReadAllText(trace))!["traceEvents"]!.AsArray();
        var tracks = events.Where(e => e!["ph"]!.GetValue<string>() == "M").Select(e => e!["args"]!["name"]!.GetValue<string>()).ToList();
        Assert.Contains("submit thread", tracks);
        Assert.Contains("batches", tracks);
        Assert.Contains(tracks, t => t.StartsWith("decode ", StringComparison.Ordinal));
        Assert.Equal(3, events.Count(e => e!["name"]!.GetValue<string>() == "wait for data"));
    }

    [Fact]
    public void Inference_is_profiled_without_calibrated_timestamps_too()
    {
        var environment = new Dictionary<string, string?> { ["XCLR_CAPS"] = "calibratedTimestamps=0" };
        var result = CliProcess.Run(CliProcess.Program, [.. Tiny.Where(t => t is not ("--loss" or "simclr")), "--mode", "infer", "--view", "memory"], environment: environment).Expect(0);
        Assert.Contains("a measured offset", result.Output, StringComparison.Ordinal);
        Assert.Contains("largest at the peak", result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void A_baseline_decides_the_exit_code()
    {
        using var folder = new TempFolder();
        var file = folder.File("old.json");
        var old = JsonNode.Parse(CliProcess.Run([.. Tiny, "--json"]).Expect(0).Output)!;
        Scale(old["totals"]!["gpuMs"]!, 1e-3);
        File.WriteAllText(file, old.ToJsonString());
        Assert.Contains("slower", CliProcess.Run([.. Tiny, "--baseline", file]).Expect(6).Output, StringComparison.Ordinal);
        foreach (var row in old["kernels"]!.AsArray().Concat(old["phases"]!.AsArray()))
        {
            Scale(row!["timeMs"]!, 1e6);
        }
        Scale(old["totals"]!["gpuMs"]!, 1e9);
        File.WriteAllText(file, old.ToJsonString());
        var faster = CliProcess.Run([.. Tiny, "--baseline", file, "--json"]).Expect(0).Json.GetProperty("comparison");
        Assert.Equal("faster", faster.GetProperty("rows")[0].GetProperty("verdict").GetString());
        Assert.Contains(", 16 px, ", CliProcess.Run([.. Tiny.Select(t => t == "16" ? "24" : t), "--baseline", file]).Expect(2).Errors, StringComparison.Ordinal);
        Assert.Contains(", fp32, ", CliProcess.Run([.. Tiny, "--precision", "amp", "--baseline", file]).Expect(2).Errors, StringComparison.Ordinal);
        var damaged = old.DeepClone();
        damaged["kernels"] = null;
        File.WriteAllText(file, damaged.ToJsonString());
        Assert.Contains($"{file} is no output of `profile --json`", CliProcess.Run([.. Tiny, "--baseline", file]).Expect(3).Errors, StringComparison.Ordinal);
        old["schema"] = "xclr-profile-0";
        File.WriteAllText(file, old.ToJsonString());
        Assert.Contains("xclr-profile-0", CliProcess.Run([.. Tiny, "--baseline", file]).Expect(3).Errors, StringComparison.Ordinal);
        File.WriteAllText(file, "{}");
        Assert.Contains(file, CliProcess.Run([.. Tiny, "--baseline", file]).Expect(3).Errors, StringComparison.Ordinal);
    }

    private static void Scale(JsonNode samples, double factor)
    {
        foreach (var name in new[] { "median", "min", "max" })
        {
            samples[name] = samples[name]!.GetValue<double>() * factor;
        }
    }

    [Theory]
    [InlineData("--mode", "serve")]
    [InlineData("--steps", "0")]
    [InlineData("--view", "cake")]
    [InlineData("--html", "/nowhere/page.html")]
    [InlineData("--max-time", "2h")]
    [InlineData("--filter", "nothing/*")]
    [InlineData("--isolate", "nothing/*")]
    [InlineData("--mode", "infer", "--data", "x")]
    [InlineData("--precision", "amp", "--mode", "infer")]
    [InlineData("--mode", "train,infer")]
    [InlineData("--tolerance", "-1")]
    public void What_cannot_be_profiled_is_a_usage_error(params string[] arguments)
    {
        var result = CliProcess.Run([.. Tiny.Where(t => !arguments.Contains(t) && !(t == "3" && arguments.Contains("--steps"))), .. arguments]).Expect(2);
        Assert.Contains(arguments[0], result.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public void A_device_without_timestamps_is_refused()
    {
        var environment = new Dictionary<string, string?> { ["XCLR_CAPS"] = "timestampValidBits=0" };
        Assert.Contains("timestampValidBits 0", CliProcess.Run(CliProcess.Program, Tiny, environment: environment).Expect(4).Errors, StringComparison.Ordinal);
    }
}

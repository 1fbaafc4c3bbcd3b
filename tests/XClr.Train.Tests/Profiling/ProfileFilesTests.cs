using System.Text.Json;
using XClr.Train.Profiling;

namespace XClr.Train.Tests.Profiling;

public class ProfileFilesTests
{
    [Fact]
    public void Csv_quotes_names_and_writes_numbers_with_a_point()
    {
        using var writer = new StringWriter();
        ProfileCsv.Write(writer, ProfileReport.Create(MadeProfile.Create()));
        var lines = writer.ToString().Split(Environment.NewLine, StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(1 + 4, lines.Length);
        Assert.Equal(string.Join(',', ProfileCsv.Columns), lines[0]);
        Assert.StartsWith("1,forward,conv1,made/copy,,4x5,0.2,0.18", lines[2], StringComparison.Ordinal);
        Assert.Contains("\"a,b\"", lines[3], StringComparison.Ordinal);
        Assert.Contains("\"say \"\"6x7\"\"\"", lines[3], StringComparison.Ordinal);
        Assert.Equal(ProfileCsv.Columns.Count, lines[1].Split(',').Length);
    }

    [Fact]
    public void A_trace_is_what_its_viewers_expect()
    {
        using var stream = new MemoryStream();
        ProfileTrace.Write(stream, MadeProfile.Create());
        using var trace = JsonDocument.Parse(stream.ToArray());
        var events = trace.RootElement.GetProperty("traceEvents").EnumerateArray().ToList();
        TraceFormat.Require(trace.RootElement);
        IEnumerable<JsonElement> Of(string kind) => events.Where(e => e.GetProperty("ph").GetString() == kind);
        Assert.Equal(3 * 4, Of("X").Count(e => e.GetProperty("name").GetString()!.StartsWith("made/", StringComparison.Ordinal)));
        var tracks = Of("M").Select(e => e.GetProperty("args").GetProperty("name").GetString()).ToList();
        string[] expected = ["GPU: paper", "phases", "compute queue", "compute queue, overlapping 1", "xclr", "submit thread", "batches", "decode 0", "decode 1"];
        Assert.All(expected, name => Assert.Contains(name, tracks));
        Assert.Equal(["arena MiB in use", "images/s"], Of("C").Select(e => e.GetProperty("name").GetString()!).Distinct().Order());
        // The second step's third dispatch: on the host's clock, 1,000 + 50 microseconds after the first step began, and 200 * 1.1 into the step.
        var third = Of("X").Where(e => e.GetProperty("name").GetString() == "made/produce").ElementAt(3);
        Assert.Equal((1270.0, 220.0), (third.GetProperty("ts").GetDouble(), third.GetProperty("dur").GetDouble()));
    }
}

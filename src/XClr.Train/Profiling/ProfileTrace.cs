using System.Text.Json;
using XClr.Gpu;

namespace XClr.Train.Profiling;

/// <summary>
/// A profile in Chrome's trace format, which Perfetto and chrome://tracing open: the device's queue with phases and dispatches, the submitting thread, the loader's threads, and memory and
/// images per second as counters. Times are microseconds after the first step's beginning, on the host's clock.
/// </summary>
public static class ProfileTrace
{
    private const int DeviceProcess = 1, HostProcess = 2, PhaseTrack = 1, QueueTrack = 2;
    private const double Mebi = 1 << 20;

    public static void Write(Stream stream, Profile profile)
    {
        using var json = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = false });
        var trace = new Trace(json, profile.Steps[0].BeginNs);
        json.WriteStartObject();
        json.WriteString("displayTimeUnit", "ms");
        json.WriteStartObject("otherData");
        json.WriteString("device", profile.Caps.Name);
        json.WriteString("driver", $"{profile.Caps.DriverName} {profile.Caps.DriverInfo}".Trim());
        json.WriteString("clock", profile.ClockCalibrated ? "device times on the host's clock by calibrated timestamps" : "device times on the host's clock by a measured offset");
        json.WriteNumber("clock_deviation_us", profile.ClockDeviationNs / 1e3);
        json.WriteEndObject();
        json.WriteStartArray("traceEvents");
        WriteDevice(trace, profile);
        WriteHost(trace, profile);
        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void WriteDevice(Trace trace, Profile profile)
    {
        trace.Name("process_name", DeviceProcess, 0, $"GPU: {profile.Caps.Name}");
        trace.Name("thread_name", DeviceProcess, PhaseTrack, "phases");
        var lanes = 0;
        foreach (var step in profile.Steps)
        {
            lanes = Math.Max(lanes, WriteDispatches(trace, profile.Layout, step));
            WritePhases(trace, profile.Layout, step);
            trace.Counter("images/s", step.BeginNs, profile.Rows / ((step.EndNs - step.BeginNs) * 1e-9));
        }
        trace.Counter("arena MiB in use", profile.Steps[^1].EndNs, 0);
        for (var lane = 0; lane < lanes; lane++)
        {
            trace.Name("thread_name", DeviceProcess, QueueTrack + lane, lane == 0 ? "compute queue" : $"compute queue, overlapping {lane}");
        }
    }

    // Spans of one track may not overlap: a dispatch that runs beside another one goes to the next lane. Returns the lanes in use.
    private static int WriteDispatches(Trace trace, PlanLayout layout, ProfiledStep step)
    {
        var laneEnds = new List<double>();
        foreach (var d in layout.Dispatches.OrderBy(d => step.Spans[d.Index].Start))
        {
            var (start, end) = step.Spans[d.Index];
            var lane = laneEnds.FindIndex(e => e <= start);
            if (lane < 0)
            {
                (lane, laneEnds) = (laneEnds.Count, [.. laneEnds, end]);
            }
            laneEnds[lane] = end;
            trace.Span(DeviceProcess, QueueTrack + lane, d.Kernel.Name, step.FirstNs + start, step.FirstNs + end, json =>
            {
                json.WriteString("layer", d.Layer);
                json.WriteString("shapes", d.Detail);
                json.WriteString("phase", d.Phase.LowerName());
                json.WriteNumber("gflop", d.Flops / 1e9);
                json.WriteNumber("megabytes", d.Bytes / 1e6);
            });
            trace.Counter("arena MiB in use", step.FirstNs + start, layout.LiveBytes(d.Index) / Mebi);
        }
        return laneEnds.Count;
    }

    private static void WritePhases(Trace trace, PlanLayout layout, ProfiledStep step)
    {
        foreach (var phase in layout.Dispatches.GroupBy(d => d.Phase))
        {
            var spans = phase.Select(d => step.Spans[d.Index]).ToList();
            trace.Span(DeviceProcess, PhaseTrack, phase.Key.LowerName(), step.FirstNs + spans.Min(s => s.Start), step.FirstNs + spans.Max(s => s.End));
        }
    }

    private static void WriteHost(Trace trace, Profile profile)
    {
        trace.Name("process_name", HostProcess, 0, "xclr");
        var tracks = profile.Host.Select(h => h.Track).Distinct().OrderBy(t => t == HostTimeline.Submit ? 0 : t == HostTimeline.Batches ? 1 : 2).ThenBy(t => t.Length).ThenBy(t => t, StringComparer.Ordinal).ToList();
        for (var i = 0; i < tracks.Count; i++)
        {
            trace.Name("thread_name", HostProcess, i + 1, tracks[i]);
        }
        foreach (var span in profile.Host)
        {
            trace.Span(HostProcess, tracks.IndexOf(span.Track) + 1, span.Name, span.BeginNs, span.EndNs);
        }
    }

    /// <summary>Events of the format.</summary>
    private sealed class Trace(Utf8JsonWriter json, long originNs)
    {
        public void Name(string what, int process, int thread, string name)
        {
            Begin("M", what, process, thread);
            json.WriteStartObject("args");
            json.WriteString("name", name);
            json.WriteEndObject();
            json.WriteEndObject();
        }

        public void Span(int process, int thread, string name, double beginNs, double endNs, Action<Utf8JsonWriter>? arguments = null)
        {
            Begin("X", name, process, thread);
            json.WriteNumber("ts", Microseconds(beginNs));
            json.WriteNumber("dur", Math.Round((endNs - beginNs) / 1e3, 3));
            if (arguments is not null)
            {
                json.WriteStartObject("args");
                arguments(json);
                json.WriteEndObject();
            }
            json.WriteEndObject();
        }

        public void Counter(string name, double atNs, double value)
        {
            Begin("C", name, DeviceProcess, 0);
            json.WriteNumber("ts", Microseconds(atNs));
            json.WriteStartObject("args");
            json.WriteNumber("value", Math.Round(value, 3));
            json.WriteEndObject();
            json.WriteEndObject();
        }

        private void Begin(string kind, string name, int process, int thread)
        {
            json.WriteStartObject();
            json.WriteString("ph", kind);
            json.WriteString("name", name);
            json.WriteNumber("pid", process);
            json.WriteNumber("tid", thread);
        }

        private double Microseconds(double ns) => Math.Round((ns - originNs) / 1e3, 3);
    }
}

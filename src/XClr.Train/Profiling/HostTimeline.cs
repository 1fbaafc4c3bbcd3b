using XClr.Gpu;

namespace XClr.Train.Profiling;

/// <summary>Collects what threads do. Thread-safe.</summary>
internal sealed class HostTimeline
{
    /// <summary>The thread that uploads and submits, and what it does.</summary>
    public const string Submit = "submit thread", WaitForData = "wait for data", Upload = "upload", SubmitPlan = "submit", WaitForDevice = "wait for the device";

    /// <summary>The thread that puts batches together, and the decoding workers (with a number behind).</summary>
    public const string Batches = "batches", Decode = "decode ";

    private readonly Lock gate = new();
    private readonly List<HostSpan> spans = [];

    public void Add(string track, string name, long beginNs, long endNs)
    {
        lock (gate)
        {
            spans.Add(new HostSpan(track, name, beginNs, endNs));
        }
    }

    /// <summary>Does something on the submitting thread and notes when.</summary>
    public T Measure<T>(string name, Func<T> work)
    {
        var begin = HostClock.NowNs;
        var result = work();
        Add(Submit, name, begin, HostClock.NowNs);
        return result;
    }

    /// <inheritdoc cref="Measure{T}"/>
    public void Measure(string name, Action work) => Measure(name, () =>
    {
        work();
        return true;
    });

    /// <summary>What was noted between two moments, by its beginning.</summary>
    public IReadOnlyList<HostSpan> Between(long beginNs, long endNs)
    {
        lock (gate)
        {
            return [.. spans.Where(s => s.EndNs >= beginNs && s.BeginNs <= endNs).OrderBy(s => s.BeginNs)];
        }
    }
}

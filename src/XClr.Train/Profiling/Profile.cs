using XClr.Gpu;

namespace XClr.Train.Profiling;

/// <summary>Whose plan is profiled: a training step, or a run of the backbone in inference mode.</summary>
public enum ProfileMode
{
    Train,
    Infer,
}

/// <summary>What is profiled.</summary>
/// <param name="Config">Network, batch, images and device; with Data set, training steps are fed from it as in training, else from noise.</param>
/// <param name="Mode">Whose plan.</param>
/// <param name="Steps">K, runs whose dispatches are timed, after two that are not.</param>
/// <param name="Isolate">Kernels to be repeated alone as well; null: none.</param>
/// <param name="IsolatedRepeats">Runs of each isolated dispatch.</param>
/// <param name="Shaders">Edited shaders in the place of the program's; null: none.</param>
public sealed record ProfileRequest(TrainConfig Config, ProfileMode Mode, int Steps, NameGlob? Isolate = null, int IsolatedRepeats = 32, ShaderFolder? Shaders = null);

/// <summary>What a thread of this process did, by <see cref="HostClock"/>.</summary>
/// <param name="Track">The thread.</param>
/// <param name="Name">What it did.</param>
/// <param name="BeginNs">From.</param>
/// <param name="EndNs">To.</param>
public readonly record struct HostSpan(string Track, string Name, long BeginNs, long EndNs);

/// <summary>One timed run.</summary>
/// <param name="BeginNs">When the host began to prepare it, by <see cref="HostClock"/>.</param>
/// <param name="EndNs">When the host saw its end.</param>
/// <param name="FirstNs">The device's first timestamp, on the host's clock.</param>
/// <param name="Spans">Start and end of each dispatch, nanoseconds after <paramref name="FirstNs"/>.</param>
public sealed record ProfiledStep(long BeginNs, long EndNs, double FirstNs, IReadOnlyList<(double Start, double End)> Spans);

/// <summary>What timestamps around every dispatch cost: times from submit to end, milliseconds, of runs with and without them in turn.</summary>
public sealed record TimingCost(IReadOnlyList<double> OffMs, IReadOnlyList<double> OnMs);

/// <summary>A dispatch repeated alone.</summary>
/// <param name="Dispatch">The first of the dispatches with this kernel, specialisation and parameters.</param>
/// <param name="Calls">How many of them a step has.</param>
/// <param name="TimesNs">Each run.</param>
public sealed record IsolatedDispatch(Dispatch Dispatch, int Calls, IReadOnlyList<double> TimesNs);

/// <summary>All that was measured; <see cref="ProfileReport"/> makes tables of it.</summary>
public sealed record Profile
{
    public required ProfileRequest Request { get; init; }
    public required DateTimeOffset Date { get; init; }
    public required DeviceCaps Caps { get; init; }
    public required DevicePeaks Peaks { get; init; }

    /// <summary>Images through the backbone per run.</summary>
    public required int Rows { get; init; }
    public required PlanLayout Layout { get; init; }
    public required IReadOnlyList<ProfiledStep> Steps { get; init; }

    /// <summary>The submitting thread's and the loader's doings during the steps.</summary>
    public required IReadOnlyList<HostSpan> Host { get; init; }

    /// <summary>True where the driver compares the clocks itself; else an offset was measured.</summary>
    public required bool ClockCalibrated { get; init; }

    /// <summary>How far the two clocks may be apart at worst, nanoseconds.</summary>
    public required double ClockDeviationNs { get; init; }
    public required TimingCost Cost { get; init; }
    public required IReadOnlyList<IsolatedDispatch> Isolated { get; init; }

    /// <summary>What the driver's compiler says, by <see cref="Kernel.Key"/>; empty where it says nothing.</summary>
    public required IReadOnlyDictionary<string, KernelStatistics> Statistics { get; init; }
}

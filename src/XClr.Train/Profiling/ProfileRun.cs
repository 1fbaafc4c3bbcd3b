using XClr.Gpu;

namespace XClr.Train.Profiling;

/// <summary>The `profile` verb's measurements. Runs go one after another: the host waits for each before it prepares the next, so that nothing overlaps but what one run overlaps.</summary>
public static class ProfileRun
{
    private const int WarmUpRuns = 2, FewestCostPairs = 3, MostCostPairs = 10;

    /// <summary>Profiles a plan.</summary>
    /// <param name="request">What.</param>
    /// <param name="peaks">Gives the device's peaks.</param>
    /// <param name="info">Is told what is done.</param>
    /// <param name="stop">Ends it after a run, with nothing to show.</param>
    /// <exception cref="GpuException">The device has no timestamps, or gives none within a limit.</exception>
    /// <exception cref="DivergedException">The network diverged, so that updates were skipped.</exception>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    public static Profile Run(ProfileRequest request, Func<GpuDevice, DevicePeaks> peaks, Action<string> info, CancellationToken stop)
    {
        var config = request.Config.Validated(requireData: false);
        using var device = TrainSetup.OpenDevice(config.Device, config.MemoryLimit, request.Shaders);
        using var clock = new DeviceClock(device);
        info($"device: {device.Caps.Name} ({device.Caps.DriverName} {device.Caps.DriverInfo})");
        if (device.Caps.Tuning.Problem is { } problem)
        {
            info($"warning: {problem}.");
        }
        var measured = peaks(device);
        var host = new HostTimeline();
        using IProfileWorkload workload = request.Mode == ProfileMode.Train ? new TrainWorkload(device, config, host) : new InferWorkload(device, config, host);
        var plan = workload.Plan;
        request.Isolate?.RequireSome("isolate", plan.Layout.Dispatches.Select(d => d.Kernel.Name));
        info($"{plan.Layout.Dispatches.Count} dispatches; {WarmUpRuns} runs to warm up, {request.Steps} timed ones, {2 * CostPairs(request)} to see what timestamps cost");
        var runs = new Runs(device, clock, workload, host, stop);
        for (var i = 0; i < WarmUpRuns; i++)
        {
            runs.Run();
        }
        var steps = new List<ProfiledStep>();
        for (var i = 0; i < request.Steps; i++)
        {
            steps.Add(runs.Timed());
        }
        workload.RequireWhole();
        return new Profile
        {
            Request = request,
            Date = DateTimeOffset.UtcNow,
            Caps = device.Caps,
            Peaks = measured,
            Rows = workload.Rows,
            Layout = plan.Layout,
            Steps = steps,
            Host = host.Between(steps[0].BeginNs, steps[^1].EndNs),
            ClockCalibrated = clock.Calibrated,
            ClockDeviationNs = runs.DeviationNs,
            Cost = runs.Cost(CostPairs(request)),
            Isolated = request.Isolate is { } glob ? [.. Isolate(plan, glob, request.IsolatedRepeats, stop)] : [],
            Statistics = Statistics(device, plan.Layout),
        };
    }

    private static int CostPairs(ProfileRequest request) => Math.Clamp(request.Steps / 2, FewestCostPairs, MostCostPairs);

    private static IEnumerable<IsolatedDispatch> Isolate(Plan plan, NameGlob glob, int repeats, CancellationToken stop)
    {
        foreach (var same in plan.Layout.Dispatches.Where(d => glob.Matches(d.Kernel.Name)).GroupBy(d => (d.Kernel.Key, d.Groups, Convert.ToHexString(d.PushConstants))))
        {
            stop.ThrowIfCancellationRequested();
            yield return new IsolatedDispatch(same.First(), same.Count(), plan.Isolate(same.First().Index, repeats));
        }
    }

    private static Dictionary<string, KernelStatistics> Statistics(GpuDevice device, PlanLayout layout) => layout.Dispatches.Select(d => d.Kernel).DistinctBy(k => k.Key)
        .Select(k => device.Statistics(k)).OfType<KernelStatistics>().ToDictionary(s => s.Kernel);

    /// <summary>Single runs of the workload.</summary>
    private sealed class Runs(GpuDevice device, DeviceClock clock, IProfileWorkload workload, HostTimeline host, CancellationToken stop)
    {
        /// <summary>The worst deviation of the clocks so far.</summary>
        public double DeviationNs { get; private set; }

        /// <summary>Prepares, submits, waits; milliseconds from submit to end.</summary>
        public double Run()
        {
            stop.ThrowIfCancellationRequested();
            workload.Prepare();
            var begin = HostClock.NowNs;
            var ticket = host.Measure(HostTimeline.SubmitPlan, workload.Plan.Submit);
            host.Measure(HostTimeline.WaitForDevice, () => workload.Plan.Wait(ticket));
            return (HostClock.NowNs - begin) * 1e-6;
        }

        public ProfiledStep Timed()
        {
            var begin = HostClock.NowNs;
            Run();
            var end = HostClock.NowNs;
            var timings = workload.Plan.ReadTimings()
                ?? throw new GpuException($"{device.Caps.Name} cannot be profiled: its driver ({device.Caps.DriverName}) gave no timestamps of a finished run within 2 s.");
            var pair = clock.Read();
            DeviationNs = Math.Max(DeviationNs, pair.DeviationNs);
            return new ProfiledStep(begin, end, pair.HostNs + clock.Timestamps.Difference(pair.Ticks, timings.FirstTick), timings.Spans);
        }

        /// <summary>Runs with and without timestamps in turn, off on on off, so that what drifts meets both alike.</summary>
        public TimingCost Cost(int pairs)
        {
            var (off, on) = (new List<double>(), new List<double>());
            for (var i = 0; i < 2 * pairs; i++)
            {
                var timed = i % 4 is 1 or 2;
                workload.Plan.Retime(timed ? PlanTiming.Dispatches : PlanTiming.Off);
                (timed ? on : off).Add(Run());
            }
            return new TimingCost(off, on);
        }
    }
}

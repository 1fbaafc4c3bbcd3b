using XClr.Gpu;
using XClr.Nn.Models;
using XClr.Nn.Optim;

namespace XClr.Train.Profiling;

/// <summary>A plan to be profiled, and what each run of it is given.</summary>
internal interface IProfileWorkload : IDisposable
{
    Plan Plan { get; }

    /// <summary>Images through the backbone per run.</summary>
    int Rows { get; }

    /// <summary>Gets and uploads what the next run works on.</summary>
    void Prepare();

    /// <summary>Throws where the runs so far left work out, so that their times mean nothing.</summary>
    /// <exception cref="DivergedException">Updates were skipped.</exception>
    void RequireWhole();
}

/// <summary>Training steps on batches of a data set, loaded as in training, or on noise.</summary>
internal sealed class TrainWorkload : IProfileWorkload
{
    private readonly OpenedStack opened = new();
    private readonly GpuDevice device;
    private readonly TrainConfig config;
    private readonly HostTimeline host;
    private readonly TrainGraph graph;
    private readonly BatchLoader? loader;
    private readonly (PackedBatch Images, uint[] Labels, float[] Text) noise;
    private readonly GpuTicket[] halfUsed = new GpuTicket[2];
    private uint step;

    public TrainWorkload(GpuDevice device, TrainConfig config, HostTimeline host)
    {
        (this.device, this.config, this.host) = (device, config, host);
        try
        {
            var data = config.Data is null ? null : opened.Keep(TrainSetup.Open(config, validation: false));
            var captions = data is not null && config.NeedsText ? opened.Keep(CaptionSource.Open(config.TextEncoder, config.TextProvider, [data])) : null;
            var objective = data is null ? PlanReport.Objective(config) : TrainSetup.CreateObjective(config, data, captions);
            graph = opened.Keep(TrainGraph.Create(device, config, objective));
            Plan = opened.Keep(graph.BuildPlan(device, new PlanOptions { Timing = PlanTiming.Dispatches }));
            graph.Initialize(device);
            ModelInit.Fill(device, graph.Model, config.Seed);
            noise = (PackedBatch.Noise(config.BatchSize, 2, config.ImageSize), new uint[config.BatchSize], UnitRows(config.BatchSize, objective.TextWidth));
            if (data is not null)
            {
                var options = TrainSetup.StreamOptions(config, graph.Sources.ImageBytes) with
                {
                    Observe = s => host.Add($"{HostTimeline.Decode}{s.Worker}", "sample", HostClock.ToNs(s.Begin), HostClock.ToNs(s.End)),
                };
                loader = opened.Keep(new BatchLoader(data, options, config.BatchSize, objective.Target, captions,
                    (begin, end) => host.Add(HostTimeline.Batches, "batch", HostClock.ToNs(begin), HostClock.ToNs(end))));
            }
        }
        catch
        {
            opened.Abandon();
            throw;
        }
    }

    public Plan Plan { get; }

    public int Rows => 2 * config.BatchSize;

    public void Prepare()
    {
        using var batch = loader is null ? null : host.Measure(HostTimeline.WaitForData, () => loader.Next(CancellationToken.None));
        host.Measure(HostTimeline.Upload, () =>
        {
            var half = (int)(step % 2);
            var (images, labels, text) = batch is null ? noise : (batch.Images, batch.Labels, batch.Text);
            graph.Upload(device, images, labels, text, new StepVariables(0.01f, ClipNorm: (float)config.ClipNorm), half, halfUsed[half]);
        });
        step++;
    }

    public void RequireWhole()
    {
        var updates = UpdateCount.Download(device, graph.Optimizer);
        if (updates != step)
        {
            throw new DivergedException($"{step - updates} of {step} runs had a gradient, or a norm of all gradients, that is not finite, so that their updates were skipped and the optimiser's times mean nothing. Profile on --data, or with another --loss or --tau.");
        }
    }

    public void Dispose() => opened.Dispose();

    // Rows of length 1, as caption embeddings have.
    private static float[] UnitRows(int rows, int width)
    {
        var random = new Random(0);
        return [.. Enumerable.Range(0, rows * width).Select(_ => (random.Next(2) == 0 ? -1 : 1) / MathF.Sqrt(width))];
    }
}

/// <summary>The backbone in inference mode, as `embed-images` and evaluations run it, on noise.</summary>
internal sealed class InferWorkload : IProfileWorkload
{
    private readonly OpenedStack opened = new();
    private readonly GpuDevice device;
    private readonly HostTimeline host;
    private readonly EncoderGraph graph;
    private readonly PackedBatch noise;

    public InferWorkload(GpuDevice device, TrainConfig config, HostTimeline host)
    {
        (this.device, this.host) = (device, host);
        try
        {
            var model = opened.Keep(new Model(new ModelSpec(config.Arch, config.Stem, config.Width, HeadKind.None)));
            ModelInit.Fill(device, model, config.Seed);
            graph = opened.Keep(new EncoderGraph(device.Caps, model, TrainSetup.Images(config), config.BatchSize));
            Plan = opened.Keep(Plan.Build(device, device.Record(graph.Record), new PlanOptions { Timing = PlanTiming.Dispatches }));
            noise = PackedBatch.Noise(config.BatchSize, 1, config.ImageSize);
        }
        catch
        {
            opened.Abandon();
            throw;
        }
    }

    public Plan Plan { get; }

    public int Rows => graph.Sources.Samples;

    public void Prepare() => host.Measure(HostTimeline.Upload, () => graph.Sources.Upload(device, noise, half: 0, halfFree: default));

    public void RequireWhole()
    {
        // Inference leaves nothing out.
    }

    public void Dispose() => opened.Dispose();
}

using XClr.Gpu;
using XClr.Nn.Optim;

namespace XClr.Nn.Tests.Optim;

/// <summary>Parameters, an optimiser and its compiled step on a device.</summary>
internal sealed class OptimizerRun : IDisposable
{
    private readonly Tensor stepVariables = StepVariables.NewTensor();
    private readonly Plan plan;
    private readonly float lossScale;

    public OptimizerRun(GpuDevice device, ParameterSpec[] specs, float[][] initial, float lossScale, Func<ParameterSet, DeviceCaps, Optimizer> make, Action<Recorder, ParameterSet>? after = null)
    {
        Device = device;
        this.lossScale = lossScale;
        Parameters = new ParameterSet(specs);
        Optimizer = make(Parameters, device.Caps);
        device.Place([Parameters.Values, Parameters.Gradients, stepVariables.View.Buffer]);
        Optimizer.Initialize(device);
        Fill(Parameters.Values, initial);
        var recorder = new Recorder(device.Caps);
        Optimizer.Record(recorder, stepVariables);
        after?.Invoke(recorder, Parameters);
        plan = Plan.Build(device, recorder, new PlanOptions { Poison = true });
    }

    public GpuDevice Device { get; }
    public ParameterSet Parameters { get; }
    public Optimizer Optimizer { get; }

    /// <summary>One step; returns the optimiser's result.</summary>
    public float[] Step(float[][] gradients, float lr, float clip)
    {
        Fill(Parameters.Gradients, gradients);
        Device.Transfer.Upload<byte>(stepVariables, new StepVariables(lr, lossScale, clip).ToBytes());
        plan.Run();
        return Device.Transfer.Download(Optimizer.Result, 4);
    }

    public float[] Download(GpuBuffer flat) => [.. Parameters.Parameters.SelectMany(p => Device.Transfer.Download(Parameters.In(flat, p.Name), (int)p.Count))];

    public void Dispose()
    {
        plan.Dispose();
        stepVariables.View.Buffer.Dispose();
        Optimizer.Dispose();
        Parameters.Dispose();
    }

    // What no tensor covers is NaN: nothing may depend on it.
    private void Fill(GpuBuffer flat, float[][] tensors)
    {
        var all = new float[Parameters.FlatCount];
        Array.Fill(all, float.NaN);
        foreach (var parameter in Parameters.Parameters)
        {
            tensors[parameter.Index].CopyTo(all, parameter.Offset);
        }
        Device.Transfer.Upload<float>(flat, all);
    }
}

using XClr.Gpu;
using XClr.Nn;
using XClr.Nn.Models;
using XClr.Nn.Optim;

namespace XClr.Train;

/// <summary>What `parity --gradients` computes: optimiser steps on given weights and gradients, without a network.</summary>
/// <param name="Weights">Tensors of any names and shapes.</param>
/// <param name="Gradients">`0.NAME`, `1.NAME`, ...: one gradient per tensor and step.</param>
/// <param name="Out">Receives the parameters under their names and the optimiser's state, `STATE.NAME` and `step`.</param>
/// <param name="Optimizer">The optimiser.</param>
/// <param name="LearningRates">One per step.</param>
/// <param name="ClipNorm">0 = no clipping.</param>
/// <param name="Device">See --device.</param>
public sealed record ParityOptimizerRequest(string Weights, string Gradients, string Out, OptimizerSettings Optimizer, IReadOnlyList<float> LearningRates, float ClipNorm, string? Device);

/// <summary>The `parity` verb's work on an optimiser alone.</summary>
public static class ParityOptimizer
{
    /// <summary>Runs as many steps as there are learning rates and writes the results.</summary>
    public static void Run(ParityOptimizerRequest request)
    {
        using var weights = SafetensorsFile.Open(request.Weights);
        using var gradients = SafetensorsFile.Open(request.Gradients);
        var shapes = weights.Tensors.Where(t => t.DType != SafetensorsDType.I64).ToDictionary(t => t.Name, t => t.Shape);
        using var device = TrainSetup.OpenDevice(request.Device);
        // Layouts do not matter to an optimiser: tensors stay as PyTorch stores them.
        using var parameters = new ParameterSet(shapes.Select(s => new ParameterSpec(s.Key, new Shape([.. s.Value.Select(d => (int)d).DefaultIfEmpty(1)]), Decay: s.Value.Count > 1)));
        using var optimizer = request.Optimizer.Create(parameters, device.Caps);
        var stepVariables = StepVariables.NewTensor();
        try
        {
            optimizer.Initialize(device);
            Upload(device, parameters, parameters.Values, weights, "");
            var gpu = new Recorder(device.Caps);
            optimizer.Record(gpu, stepVariables);
            if (parameters.Contains(Model.LogitScale))
            {
                Model.ConstrainLogitScale(gpu, parameters);
            }
            using var plan = Plan.Build(device, gpu);
            for (var step = 0; step < request.LearningRates.Count; step++)
            {
                Upload(device, parameters, parameters.Gradients, gradients, $"{step}.");
                device.Transfer.Upload<byte>(stepVariables, new StepVariables(request.LearningRates[step], ClipNorm: request.ClipNorm, Step: (uint)step).ToBytes());
                plan.Run();
            }
            SafetensorsWriter.Write(request.Out, Results(device, optimizer, shapes));
        }
        finally
        {
            stepVariables.View.Buffer.Dispose();
        }
    }

    private static void Upload(GpuDevice device, ParameterSet parameters, GpuBuffer flat, SafetensorsFile file, string prefix)
    {
        foreach (var parameter in parameters.Parameters)
        {
            var values = file.ReadFloat32(prefix + parameter.Name);
            if (values.Length != parameter.Count)
            {
                throw new SafetensorsException($"{file.Path}: {prefix}{parameter.Name} has {values.Length} values, its weight has {parameter.Count}.");
            }
            device.Transfer.Upload<float>(parameters.In(flat, parameter.Name), values);
        }
    }

    private static IEnumerable<SafetensorsEntry> Results(GpuDevice device, Optimizer optimizer, IReadOnlyDictionary<string, IReadOnlyList<long>> shapes)
    {
        yield return SafetensorsEntry.Int64("step", [], new[] { UpdateCount.Download(device, optimizer) });
        foreach (var (prefix, flat) in optimizer.States.Select(s => ($"{s.Name}.", s.Flat)).Prepend(("", optimizer.Parameters.Values)))
        {
            foreach (var parameter in optimizer.Parameters.Parameters)
            {
                yield return SafetensorsEntry.Float32(prefix + parameter.Name, shapes[parameter.Name], device.Transfer.Download(optimizer.Parameters.In(flat, parameter.Name), (int)parameter.Count));
            }
        }
    }
}

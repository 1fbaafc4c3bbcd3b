using System.Globalization;
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
/// <param name="LearningRates">One per step, or one for all.</param>
/// <param name="ClipNorm">0 = no clipping.</param>
/// <param name="Device">See --device.</param>
public sealed record ParityOptimizerRequest(string Weights, string Gradients, string Out, OptimizerSettings Optimizer, IReadOnlyList<float> LearningRates, float ClipNorm, string? Device);

/// <summary>The `parity` verb's work on an optimiser alone.</summary>
public static class ParityOptimizer
{
    /// <summary>Runs as many steps as the file has gradients for, writes the results and returns the number of steps.</summary>
    /// <exception cref="SafetensorsException">Gradients are missing, do not fit the weights, or are fewer or more than the learning rates.</exception>
    public static int Run(ParityOptimizerRequest request)
    {
        using var weights = SafetensorsFile.Open(request.Weights);
        using var gradients = SafetensorsFile.Open(request.Gradients);
        var shapes = weights.Tensors.Where(t => t.DType != SafetensorsDType.I64).ToDictionary(t => t.Name, t => t.Shape);
        var rates = Rates(gradients, request.LearningRates);
        using var device = TrainSetup.OpenDevice(request.Device);
        // Layouts do not matter to an optimiser: tensors stay as PyTorch stores them.
        using var parameters = new ParameterSet(shapes.Select(s => new ParameterSpec(s.Key, new Shape([.. s.Value.Select(d => (int)d).DefaultIfEmpty(1)]), Decay: s.Value.Count > 1)));
        using var optimizer = request.Optimizer.Create(parameters, device.Caps);
        var stepVariables = StepVariables.NewTensor();
        try
        {
            optimizer.Initialize(device);
            Upload(device, parameters, parameters.Values, weights, "");
            using var plan = Plan.Build(device, device.Record(gpu =>
            {
                optimizer.Record(gpu, stepVariables);
                if (parameters.Contains(Model.LogitScale))
                {
                    Model.ConstrainLogitScale(gpu, parameters);
                }
            }));
            for (var step = 0; step < rates.Count; step++)
            {
                Upload(device, parameters, parameters.Gradients, gradients, $"{step}.");
                new StepVariables(rates[step], ClipNorm: request.ClipNorm).Upload(device, stepVariables);
                plan.Run();
            }
            SafetensorsWriter.Write(request.Out, Results(device, optimizer, shapes));
            return rates.Count;
        }
        finally
        {
            stepVariables.View.Buffer.Dispose();
        }
    }

    // One rate per step; the steps are 0 to the largest number that a name begins with (a gap shows as a missing name when it is read).
    private static IReadOnlyList<float> Rates(SafetensorsFile gradients, IReadOnlyList<float> given)
    {
        var steps = 0;
        foreach (var name in gradients.Tensors.Select(t => t.Name))
        {
            if (!int.TryParse(name.AsSpan(0, Math.Max(0, name.IndexOf('.'))), NumberStyles.None, CultureInfo.InvariantCulture, out var step))
            {
                throw new SafetensorsException($"{gradients.Path}: '{name}' does not begin with a step; gradients are named 0.NAME, 1.NAME, ...");
            }
            steps = Math.Max(steps, step + 1);
        }
        if (given.Count != 1 && given.Count != steps)
        {
            throw new SafetensorsException($"{gradients.Path} has gradients of {steps} steps, but {given.Count} learning rates are given; give one, or one per step.");
        }
        return given.Count == steps ? given : [.. Enumerable.Repeat(given[0], steps)];
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

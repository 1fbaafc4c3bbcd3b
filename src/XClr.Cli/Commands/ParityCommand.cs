using System.Globalization;
using CommandLine;
using XClr.Nn.Layers;
using XClr.Nn.Models;
using XClr.Train;

namespace XClr.Cli.Commands;

[Verb("parity", HelpText = "Compute one training step on given weights and inputs (or optimiser steps on given gradients), to compare with another framework.")]
public sealed class ParityCommand : Command
{
    private const string NoOptimizer = "none";

    [Option("weights", Required = true, HelpText = "Weights: torchvision's names, with the head's [.safetensors].")]
    public string Weights { get; set; } = "";

    [Option("batch", HelpText = "'images' [2N,3,H,W], normalised, view 1 of all samples, then view 2; 'text' [N,D]; 'labels' int64 [N] [.safetensors].")]
    public string? Batch { get; set; }

    [Option("gradients", HelpText = "Instead of --batch: '0.NAME', '1.NAME', ...: gradients of successive optimiser steps [.safetensors].")]
    public string? Gradients { get; set; }

    [Option("out", Required = true, HelpText = "What is written: loss, features, projections (or logits), grad.NAME, and the parameters after the step [.safetensors].")]
    public string Out { get; set; } = "";

    [Option("arch", Default = "resnet50", HelpText = "Backbone: resnet18|resnet34|resnet50|resnet101.")]
    public string Arch { get; set; } = "resnet50";

    [Option("stem", HelpText = "First layers: imagenet|half|small; unset: by the first convolution's size.")]
    public string? Stem { get; set; }

    [Option("loss", Default = "xclr", HelpText = "Objective: xclr|simclr|supcon|clip|supervised.")]
    public string Loss { get; set; } = "xclr";

    [Option("tau", Default = 0.1, HelpText = "Temperature of the image similarities.")]
    public double Tau { get; set; } = 0.1;

    [Option("tau-s", Default = 0.1, HelpText = "Temperature of the caption similarities.")]
    public double TauS { get; set; } = 0.1;

    [Option("optimizer", Default = NoOptimizer, HelpText = "Optimiser of the step: sgd|lars|adamw|none.")]
    public string Optimizer { get; set; } = NoOptimizer;

    [Option("lr", Default = "0.1", HelpText = "Learning rate; with --gradients one for all steps or one per step, comma-separated.")]
    public string Lr { get; set; } = "0.1";

    [Option("weight-decay", Default = 1e-4, HelpText = "Weight decay; batch norm and biases have none.")]
    public double WeightDecay { get; set; } = 1e-4;

    [Option("momentum", Default = 0.9, HelpText = "Momentum of sgd and lars.")]
    public double Momentum { get; set; } = 0.9;

    [Option("nesterov", HelpText = "Nesterov momentum (sgd).")]
    public bool Nesterov { get; set; }

    [Option("clip-norm", Default = 0.0, HelpText = "Largest norm of all gradients; 0: no clipping [L2 norm].")]
    public double ClipNorm { get; set; }

    [Option("mode", Default = "train", HelpText = "train: batch statistics, gradients, step; eval: running statistics, loss and outputs only.")]
    public string Mode { get; set; } = "train";

    [Option("device", HelpText = "Vulkan device; unset: XCLR_DEVICE, else the best one [index, name or UUID].")]
    public string? Device { get; set; }

    [Option("precision", Default = "fp32", HelpText = "Storage of activations and working weights: fp32|amp|bf16.")]
    public string Precision { get; set; } = "fp32";

    [Option("micro-batch", Default = 0, HelpText = "Samples that the network works on at a time; 0: all of them at once [samples].")]
    public int MicroBatch { get; set; }

    /// <inheritdoc/>
    public override int Run()
    {
        RequireOutput("--out", Out);
        var precision = Name<Precision>("--precision", Precision);
        var rates = Lr.Split(',').Select(ParseRate).ToList();
        var optimizer = Optimizer == NoOptimizer
            ? null
            : new OptimizerSettings(Name<OptimizerKind>("--optimizer", Optimizer, $"|{NoOptimizer}"), WeightDecay, Momentum, Nesterov);
        return Gradients is null ? RunNetwork(optimizer, rates, precision) : RunOptimizer(Gradients, optimizer, rates);
    }

    private int RunNetwork(OptimizerSettings? optimizer, List<float> rates, Precision precision)
    {
        if (rates.Count != 1)
        {
            throw new UsageException($"--lr {Lr}: a step on --batch takes one learning rate; several are for --gradients.");
        }
        var loss = ParityRun.Run(new ParityRequest
        {
            Arch = Name<Arch>("--arch", Arch),
            Weights = Weights,
            Batch = Batch ?? throw new UsageException("--batch is missing (or --gradients, for optimiser steps alone)."),
            Out = Out,
            Stem = Stem is null ? null : Name<Stem>("--stem", Stem),
            Loss = Name<LossKind>("--loss", Loss),
            Tau = Positive("tau", Tau),
            TauS = Positive("tau-s", TauS),
            Optimizer = optimizer,
            LearningRate = rates[0],
            ClipNorm = (float)ClipNorm,
            Mode = Name<Mode>("--mode", Mode),
            Precision = precision,
            MicroBatch = MicroBatch,
            Device = Device,
        });
        if (Json)
        {
            Output.Json(new { file = Path.GetFullPath(Out), loss });
        }
        else
        {
            Console.Out.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{Out}: loss {loss:R}"));
        }
        return ExitCode.Success;
    }

    private int RunOptimizer(string gradients, OptimizerSettings? optimizer, List<float> rates)
    {
        if (Batch is not null)
        {
            throw new UsageException("--batch and --gradients exclude each other.");
        }
        var steps = ParityOptimizer.Run(new ParityOptimizerRequest(
            Weights, gradients, Out, optimizer ?? throw new UsageException("--gradients needs an --optimizer: sgd|lars|adamw."), rates, (float)ClipNorm, Device));
        if (Json)
        {
            Output.Json(new { file = Path.GetFullPath(Out), steps });
        }
        else
        {
            Console.Out.WriteLine($"{Out}: parameters and state after {steps} steps");
        }
        return ExitCode.Success;
    }

    private static float ParseRate(string text) =>
        float.TryParse(text.Trim(), NumberStyles.Float, CultureInfo.InvariantCulture, out var rate) && float.IsFinite(rate) && rate >= 0
            ? rate
            : throw new UsageException($"--lr '{text}' is not accepted; allowed: numbers from 0 up, comma-separated.");

    private static float Positive(string name, double value) => value > 0 && double.IsFinite(value)
        ? (float)value
        : throw new UsageException(string.Create(CultureInfo.InvariantCulture, $"--{name} '{value}' is not accepted; allowed: a number above 0."));
}

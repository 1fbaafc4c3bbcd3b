using System.Globalization;
using CommandLine;
using XClr.Bench;
using XClr.Gpu;
using XClr.Nn.Models;
using XClr.Text;
using XClr.Train;

namespace XClr.Cli.Commands;

[Verb("bench", HelpText = "Time a whole network on this device: `bench step` (training) or `bench forward` (inference), medians over the runs; or its parts: `bench gemm`, `bench conv` (every convolution of ResNet-50, three directions), `bench loss`, `bench matrix` (matrix units); or, on the processor alone, `bench loader` (reading, decoding and batches of --data).")]
public sealed class BenchCommand : Command
{
    private const string DefaultArch = "resnet50", DefaultPrecision = "fp32";
    private const int DefaultLimit = 1000;

    [Value(0, Required = true, MetaName = "target", HelpText = "What to time: step|forward|gemm|conv|loss|matrix|loader; --arch applies to step and forward, --image-size and --rows to step, forward, conv and loader.")]
    public string Target { get; set; } = "";

    [Option("arch", Default = DefaultArch, HelpText = "Backbone [resnet18|resnet34|resnet50|resnet101].")]
    public string Arch { get; set; } = DefaultArch;

    [Option("image-size", Default = 64, HelpText = "Side of the images [pixels].")]
    public int ImageSize { get; set; } = 64;

    [Option("rows", Default = 32, HelpText = "Images through the backbone per run [images].")]
    public int Rows { get; set; } = 32;

    [Option("repeats", Default = 5, HelpText = "Timed runs [runs].")]
    public int Repeats { get; set; } = 5;

    [Option("device", HelpText = "Vulkan device; unset: XCLR_DEVICE, else the best one [index, name or UUID].")]
    public string? Device { get; set; }

    [Option("precision", Default = DefaultPrecision, HelpText = "Storage of activations and working weights [fp32|amp|bf16].")]
    public string Precision { get; set; } = DefaultPrecision;

    [Option("data", HelpText = "The photographs of `bench loader`, in any format that `train --data` takes [path or shards].")]
    public string? Data { get; set; }

    [Option("workers", HelpText = "Decoding threads of `bench loader`; unset: one per core [threads].")]
    public int? Workers { get; set; }

    [Option("limit", Default = DefaultLimit, HelpText = "Images that `bench loader` measures, held in memory [images].")]
    public int Limit { get; set; } = DefaultLimit;

    [Option("shader-dir", HelpText = ShaderLoop.DirectoryHelp)]
    public string? ShaderDir { get; set; }

    [Option("watch", HelpText = ShaderLoop.WatchHelp)]
    public bool Watch { get; set; }

    /// <inheritdoc/>
    public override int Run()
    {
        RequireMeant();
        if (Target.Equals("matrix", StringComparison.OrdinalIgnoreCase))
        {
            return ShaderLoop.Run(ShaderDir, Watch, Matrix);
        }
        var precision = Name<Precision>("--precision", Precision);
        RequireAtLeast("--image-size", ImageSize, 1);
        RequireAtLeast("--repeats", Repeats, 1);
        if (Target.Equals("loader", StringComparison.OrdinalIgnoreCase))
        {
            return Loader();
        }
        if (Target.ToLowerInvariant() is "gemm" or "conv" or "loss")
        {
            RequireAtLeast("--rows", Rows, 1);
            return ShaderLoop.Run(ShaderDir, Watch, shaders => Ops(new OpBenchTables.Request(Target.ToLowerInvariant(), ImageSize, Rows, precision, Repeats), shaders));
        }
        var target = Name<BenchTarget>("bench", Target, "|gemm|conv|loss|matrix|loader");
        var arch = Name<Arch>("--arch", Arch);
        RequireRows(target, Rows);
        return ShaderLoop.Run(ShaderDir, Watch, shaders => Network(new BenchRequest(target, arch, ImageSize, Rows, Repeats, Device, precision, shaders)));
    }

    private void RequireMeant()
    {
        var target = Target.ToLowerInvariant();
        if (target is not ("step" or "forward"))
        {
            RequireUnused("of `bench step` and `bench forward`.", ("--arch", Arch != DefaultArch));
        }
        if (target is "loader")
        {
            RequireUnused("of the other targets; the loader works on the processor.", ("--precision", Precision != DefaultPrecision), ("--device", Device is not null), ("--shader-dir", ShaderDir is not null), ("--watch", Watch));
        }
        else
        {
            RequireUnused("of `bench loader`.", ("--data", Data is not null), ("--workers", Workers is not null), ("--limit", Limit != DefaultLimit));
        }
    }

    private int Network(BenchRequest request)
    {
        var result = NetworkBench.Run(request);
        if (result.Tuning.Problem is { } problem)
        {
            Output.Warn(problem + ".");
        }
        if (Json)
        {
            Output.Json(new { target = Target, Arch, ImageSize, Rows, Precision, Repeats, result });
            return ExitCode.Success;
        }
        string Number(double value) => value.ToString("0.0", CultureInfo.InvariantCulture);
        var table = Output.Table($"{Arch} {Target}, {ImageSize} pixels, {Rows} rows, {Precision}, median of {Repeats}", "value");
        table.Row("device", result.Device);
        table.Row("wall clock", $"{Number(result.WallMs)} ms ({Number(result.WallMinMs)} to {Number(result.WallMaxMs)})");
        table.Row("GPU time", result.GpuMs is { } gpu ? $"{Number(gpu)} ms ({Number(100 * gpu / result.WallMs)} % of the wall clock)" : "no timestamps here");
        table.Row("processor time, all cores", $"{Number(result.CpuMs)} ms");
        table.Row("images per second", Number(result.ImagesPerSecond));
        table.Row("GFLOP/s", Number(result.GflopPerSecond));
        table.Row("dispatches, pipelines", $"{result.Dispatches}, {result.Pipelines}");
        table.Row("choices", result.Tuning.ToString());
        Output.Results.Write(table);
        return ExitCode.Success;
    }

    private int Loader()
    {
        Require(Data is not null, "bench loader needs --data: photographs in any form that `train --data` takes.");
        RequireAtLeast("--rows", Rows, 1);
        RequireAtLeast("--workers", Workers, 1);
        RequireAtLeast("--limit", Limit, 1);
        return LoaderBenchTable.Run(Data!, ImageSize, Workers ?? Environment.ProcessorCount, Rows, Repeats, Limit, Json);
    }

    private int Ops(OpBenchTables.Request request, ShaderFolder? shaders)
    {
        using var device = TrainSetup.OpenDevice(Device, shaders: shaders);
        return OpBenchTables.Run(device, PeakCache.Get(device, CacheFolder.Default), request, Json);
    }

    private int Matrix(ShaderFolder? shaders)
    {
        using var device = TrainSetup.OpenDevice(Device, shaders: shaders);
        var caps = device.Caps;
        var rates = MatrixKernel.MeasureAll(device);
        if (rates.Count == 0)
        {
            throw new GpuException($"{caps.Name} ({caps.DriverName} {caps.DriverInfo}) has no cooperative matrices that multiply fp16 or bf16 into fp32 (VK_KHR_cooperative_matrix); 'xclr devices' lists which device has.");
        }
        if (Json)
        {
            Output.Json(new { device = caps.Name, driver = $"{caps.DriverName} {caps.DriverInfo}", rates = rates.Select(r => new { type = r.Shape.A, r.Shape.M, r.Shape.N, r.Shape.K, r.GigaflopsPerSecond }) });
            return ExitCode.Success;
        }
        var table = Output.Table("operands, sums in fp32, MxNxK", "GFLOP/s");
        foreach (var rate in rates)
        {
            table.Row($"{rate.Shape.A} {rate.Shape.M}x{rate.Shape.N}x{rate.Shape.K}", rate.GigaflopsPerSecond.ToString("0.0", CultureInfo.InvariantCulture));
        }
        Output.Results.Write(table);
        Output.WriteFacts([("device", caps.FullName)]);
        return ExitCode.Success;
    }
}

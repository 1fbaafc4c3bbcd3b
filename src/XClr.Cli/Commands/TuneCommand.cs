using System.Globalization;
using CommandLine;
using XClr.Bench;
using XClr.Gpu;
using XClr.Nn.Models;
using XClr.Nn.Ops;
using XClr.Text;
using XClr.Train;
using XClr.Train.Profiling;

namespace XClr.Cli.Commands;

[Verb("tune", HelpText = "Measure the kernels and tiles that each convolution of a training step (`tune step`, the default) or of a pass that embeds images (`tune forward`) could use on this device, and with matrix units whether residual blocks should store their last convolution's output; later runs of the same shapes (train, eval, embed-images, bench, profile) use the fastest. Kept beside the pipeline cache, per device and driver; XCLR_CAPS=usesTuning=0 ignores it.")]
public sealed class TuneCommand : Command
{
    [Value(0, Default = "step", MetaName = "target", HelpText = "Whose convolutions: step|forward.")]
    public string Target { get; set; } = "step";

    [Option("arch", Default = "resnet50", HelpText = "Backbone [resnet18|resnet34|resnet50|resnet101].")]
    public string Arch { get; set; } = "resnet50";

    [Option("image-size", Default = 224, HelpText = "Side of the images [pixels].")]
    public int ImageSize { get; set; } = 224;

    [Option("rows", Default = 512, HelpText = "Images through the backbone at a time: for a step twice --batch-size, or twice --micro-batch; for an evaluation of 64 or more images 64 [images].")]
    public int Rows { get; set; } = 512;

    [Option("precision", Default = "fp32", HelpText = "Storage of activations and working weights [fp32|amp|bf16].")]
    public string Precision { get; set; } = "fp32";

    [Option("filter", HelpText = "Only convolutions whose name matches, such as 'conv2d_fwd *1x1*' [pattern with * and ?].")]
    public string? Filter { get; set; }

    [Option("repeats", Default = 7, HelpText = "Timed runs of each kernel and tile [runs].")]
    public int Repeats { get; set; } = 7;

    [Option("device", HelpText = "Vulkan device; unset: XCLR_DEVICE, else the best one [index, name or UUID].")]
    public string? Device { get; set; }

    /// <inheritdoc/>
    public override int Run()
    {
        var (target, arch, precision) = (Name<BenchTarget>("tune", Target), Name<Arch>("--arch", Arch), Name<Precision>("--precision", Precision));
        RequireAtLeast("--image-size", ImageSize, 1);
        RequireRows(target, Rows);
        Require(target == BenchTarget.Step || precision == Train.Precision.Fp32, $"--precision {Precision}: images are embedded in fp32; leave it out, or tune a step.");
        RequireAtLeast("--repeats", Repeats, 1);
        using var signals = new StopSignals(Console.Error.WriteLine, "what is being measured is finished, and what was measured is kept");
        using var device = TrainSetup.OpenDevice(Device);
        if (device.Caps.Tuning.Problem is { } problem)
        {
            Output.Warn(problem + ".");
        }
        IReadOnlyList<(ITunable Work, int Count)> Works() => target == BenchTarget.Step ? NetworkWorks.OfStep(device, arch, ImageSize, Rows, precision) : NetworkWorks.OfForward(device, arch, ImageSize, Rows);
        var glob = new NameGlob(Filter ?? "*");
        var works = Works();
        glob.RequireSome("filter", works.Select(w => w.Work.Name));
        List<TunedWork> found = [];
        void Tune(bool ofConvolutions)
        {
            found.AddRange(Measure(device, works.Where(w => w.Work is ConvWork == ofConvolutions && glob.Matches(w.Work.Name)), signals.Token));
            device.Take(new Tuning(Chosen(device, found), DateTimeOffset.UtcNow));
        }
        // The ends of blocks first: what is chosen there says which convolutions there are.
        Tune(ofConvolutions: false);
        works = found.Count > 0 ? Works() : works;
        Tune(ofConvolutions: true);
        Print(device, found);
        Keep(device);
        signals.Token.ThrowIfCancellationRequested();
        return ExitCode.Success;
    }

    private IEnumerable<TunedWork> Measure(GpuDevice device, IEnumerable<(ITunable Work, int Count)> works, CancellationToken stop)
    {
        foreach (var (work, count) in works.TakeWhile(_ => !stop.IsCancellationRequested))
        {
            var tuned = Tuner.Tune(device, work, count, Repeats);
            Console.Error.WriteLine($"{tuned.Work}: {tuned.Before} {Ms(tuned.BeforeMs)} ms{(tuned.Changed ? $", {tuned.Best} {Ms(tuned.BestMs)} ms" : "")}");
            yield return tuned;
        }
    }

    // Other shapes' choices stay; what the cost model does best is left to it.
    private static Dictionary<string, string> Chosen(GpuDevice device, List<TunedWork> found)
    {
        var ways = device.Caps.Tuning.Ways.ToDictionary();
        foreach (var tuned in found)
        {
            if (tuned.Changed)
            {
                ways[tuned.Work] = tuned.Best;
            }
            else
            {
                ways.Remove(tuned.Work);
            }
        }
        return ways;
    }

    private static void Keep(GpuDevice device)
    {
        try
        {
            device.Caps.Tuning.Write(device.Caps, CacheFolder.Default);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UsageException($"{CacheFolder.Default}: what was chosen cannot be kept ({e.Message.TrimEnd('.')}); XCLR_CACHE names another folder.");
        }
    }

    private void Print(GpuDevice device, List<TunedWork> found)
    {
        // The ends of blocks consist of convolutions, which are there once more, and passes.
        List<TunedWork> convolutions = [.. found.Where(t => t.IsConvolution)];
        var (before, best) = (convolutions.Sum(t => t.Count * t.BeforeMs), convolutions.Sum(t => t.Count * t.BestMs));
        var file = Tuning.FileOf(device.Caps, CacheFolder.Default);
        if (Json)
        {
            Output.Json(new { device = device.Caps.FullName, Target, Arch, ImageSize, Rows, Precision, Repeats, file, beforeMs = before, bestMs = best, works = found });
            return;
        }
        var table = Output.Table("work", $"a {Target} has", "chosen before", "ms", "best", "ms", "ratio", "measured", "passed over");
        foreach (var t in found)
        {
            table.Row(t.Work, $"{t.Count}", t.Before, Ms(t.BeforeMs), t.Changed ? t.Best : "the same", Ms(t.BestMs), Ratio(t.Ratio), $"{t.Measured.Count}", $"{t.PassedOver}");
        }
        if (convolutions.Count > 0)
        {
            table.Row("all convolutions", $"{convolutions.Sum(t => t.Count)}", "", Ms(before), $"{convolutions.Count(t => t.Changed)} of {convolutions.Count} changed", Ms(best), Ratio(before / best), $"{convolutions.Sum(t => t.Measured.Count)}", $"{convolutions.Sum(t => t.PassedOver)}");
        }
        Output.Results.Write(table);
        Output.WriteFacts([("device", device.Caps.FullName), ("kept in", file)]);
    }

    private static string Ms(double value) => value.ToString("0.000", CultureInfo.InvariantCulture);

    private static string Ratio(double value) => value.ToString("0.00", CultureInfo.InvariantCulture);
}

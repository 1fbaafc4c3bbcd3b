using XClr.Data;
using XClr.Nn.Models;

namespace XClr.Train.Tests;

/// <summary>A test of runs from data to checkpoint, on a small set of drawn shapes with captions.</summary>
public abstract class SmallRunTest : IDisposable
{
    private protected readonly TempFolder folder = new();
    private protected readonly TrainConfig config;

    protected SmallRunTest()
    {
        var classes = folder.File("classes.txt");
        File.WriteAllLines(classes, ["horizontal stripes", "vertical stripes", "a dark square", "a bright field"]);
        config = new TrainConfig
        {
            Data = WriteIdx("train", 96), ValData = WriteIdx("val", 40), Classes = classes, CaptionTemplate = "a picture of {class}", Arch = Arch.ResNet18, Stem = Stem.Half, Width = 0.125,
            ImageSize = 20, Augment = AugmentPreset.Light, AugmentStrengths = Data.AugmentSettings.Preset("light"), BatchSize = 12, Epochs = null, Steps = 12, Optimizer = OptimizerKind.Sgd, Lr = 0.05, LrScaling = Nn.Optim.LrScaling.None,
            LogEvery = 1, SaveEvery = 5, Seed = 3, Workers = 2,
        };
    }

    public void Dispose() => folder.Dispose();

    /// <summary>A table of 24 pictures, of which the first so many are there.</summary>
    private protected string WriteTable(string name, int there)
    {
        for (var i = 0; i < there; i++)
        {
            folder.WritePng($"{name}/{i}.png", 24, _ => (byte)(10 * i));
        }
        var table = folder.File(name + ".csv");
        File.WriteAllLines(table, ["path,caption", .. Enumerable.Range(0, 24).Select(i => $"{name}/{i}.png,a picture of {i} things")]);
        return table;
    }

    private protected static List<double> Losses(string run) => [.. JsonLines.ReadSteps(run).Select(l => l.GetProperty("loss").GetDouble())];

    // Stripes either way, a dark square and a bright field, with noise.
    private string WriteIdx(string name, int count)
    {
        var random = new Random(count);
        var pixels = new byte[count * 24 * 24];
        for (var p = 0; p < pixels.Length; p++)
        {
            var (x, y) = (p % 24, p / 24 % 24);
            var value = (p / (24 * 24) % 4) switch { 0 => y / 3 % 2 * 200, 1 => x / 3 % 2 * 200, 2 => x is > 6 and < 17 && y is > 6 and < 17 ? 20 : 150, _ => 230 };
            pixels[p] = (byte)Math.Clamp(value + random.Next(-20, 21), 0, 255);
        }
        return IdxFiles.Write(folder, name, 24, 24, pixels, [.. Enumerable.Range(0, count).Select(i => (byte)(i % 4))], gzip: true);
    }
}

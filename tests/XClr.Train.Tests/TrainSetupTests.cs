using XClr.Data;

namespace XClr.Train.Tests;

public sealed class TrainSetupTests : IDisposable
{
    private readonly TempFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Held_out_labels_are_those_of_the_training_sets_classes()
    {
        var config = new TrainConfig { Data = Folder("train", "ant", "bee", "cat"), ValData = Folder("val", "bee", "cat") };
        using var training = TrainSetup.Open(config, validation: false);
        using var validation = TrainSetup.OpenValidation(config, training);
        Assert.Equal([1, 2], validation.Read(ReadOrder.Sequential).Select(s => s.Label!.Value));
        using var alone = TrainSetup.OpenValidation(config, training: null);
        Assert.Equal([0, 1], alone.Read(ReadOrder.Sequential).Select(s => s.Label!.Value));
        config = config with { ValData = Folder("other", "bee", "zebra") };
        Assert.Contains("zebra", Assert.Throws<DataException>(() => TrainSetup.OpenValidation(config, training)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(4096, TargetKind.Labels)]
    [InlineData(4097, TargetKind.Text)]
    public void Of_many_classes_the_captions_of_the_batch_are_compared(int classes, TargetKind target)
    {
        var names = Path.Combine(folder, "classes.txt");
        File.WriteAllLines(names, Enumerable.Range(0, classes).Select(i => $"n{i}\tclass number {i}"));
        var config = new TrainConfig { Data = Folder("train", "n0", "n1"), Classes = names, CaptionTemplate = "a photo of a {class}", Loss = LossKind.Xclr, BatchSize = 2 };
        using var data = TrainSetup.Open(config, validation: false);
        using var captions = CaptionSource.Open(config.TextEncoder, config.TextProvider, [data]);
        var objective = TrainSetup.CreateObjective(config, data, captions);
        Assert.Equal(target, objective.Target);
        Assert.Equal(target == TargetKind.Labels, objective.ClassSimilarity is not null);
        Assert.Equal(captions.Width, objective.TextWidth);
    }

    private string Folder(string name, params string[] classes)
    {
        foreach (var c in classes)
        {
            Directory.CreateDirectory(Path.Combine(folder, name, c));
            File.WriteAllBytes(Path.Combine(folder, name, c, "1.jpg"), []);
        }
        return folder.File(name);
    }
}

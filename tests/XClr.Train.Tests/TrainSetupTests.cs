using XClr.Data;
using Xunit;

namespace XClr.Train.Tests;

public sealed class TrainSetupTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("xclr-setup").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

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

    private string Folder(string name, params string[] classes)
    {
        foreach (var c in classes)
        {
            Directory.CreateDirectory(Path.Combine(folder, name, c));
            File.WriteAllBytes(Path.Combine(folder, name, c, "1.jpg"), []);
        }
        return Path.Combine(folder, name);
    }
}

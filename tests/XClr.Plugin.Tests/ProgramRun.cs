using XClr.Data;
using XClr.Train;
using XClr.Train.Evaluation;

namespace XClr.Plugin.Tests;

/// <summary>What the library is compared with: a small network of the program's own, and its embeddings.</summary>
internal static class ProgramRun
{
    public const string Config = """{"arch":"resnet18","stem":"small","width":0.125,"projector":"linear","image-size":32,"augment":"light","batch-size":4,"steps":10,"optimizer":"sgd","lr":0.05,"lr-scaling":"none","loss":"xclr","seed":3}""";
    public const int TextWidth = 6, Batch = 4;

    /// <summary>Makes a run folder with a checkpoint of a network that was not trained.</summary>
    public static void Make(string run)
    {
        using var device = TestDevices.Open(TestDevices.Lavapipe);
        using var trainer = new HostTrainer(device, TrainConfig.FromText(Config, "test"), TextWidth, _ => { });
        trainer.Save(run);
    }

    /// <summary>Features and projections of each image in turn, as the program has them; reduced: of images with as many pixels as an image in a VkImage is read with.</summary>
    public static float[] Embed(string run, HostImages images, bool reduced = false)
    {
        using var device = TestDevices.Open(TestDevices.Lavapipe);
        using var loaded = LoadedModel.Open(device, run, new NetworkOptions());
        using var encoder = new Encoder(device, loaded.Model, loaded.Images, Batch);
        var (features, projections) = (new RowMatrix(encoder.FeatureWidth), new RowMatrix(encoder.ProjectionWidth));
        encoder.Encode(images.Decoded().Select((image, i) => Sample.Of($"{i}", "test", reduced ? ImageDecoder.FitInto(image, encoder.ImageBytes) : image)), features, projections);
        return [.. Enumerable.Range(0, features.Count).SelectMany(i => features[i].ToArray().Concat(projections[i].ToArray()))];
    }
}

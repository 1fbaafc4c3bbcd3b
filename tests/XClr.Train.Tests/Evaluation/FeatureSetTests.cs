using XClr.Data;
using XClr.Train.Evaluation;

namespace XClr.Train.Tests.Evaluation;

/// <summary>Images of all sizes through an encoder.</summary>
public sealed class FeatureSetTests : IDisposable
{
    private const int Rows = 4, Side = 16;
    private readonly TempFolder folder = new();

    public void Dispose() => folder.Dispose();

    /// <summary>
    /// An image that is larger than its share of a batch is not made smaller for it (4 images of 16 pixels have 12,288 bytes each): two that do not lie beside each other on the device are resized one after the other for one run
    /// of the network. What cannot be resized is counted and left out; both do not depend on what else is in the set.
    /// </summary>
    [SkippableFact]
    public void Images_are_encoded_at_their_full_size_whatever_is_beside_them()
    {
        using var device = TestDevices.Open(TestDevices.Lavapipe, "maxStorageBufferRange=512K");
        using (var trainer = new HostTrainer(device, TrainConfig.FromText("""{"arch":"resnet18","stem":"small","width":0.125,"image-size":16,"batch-size":4,"steps":10,"loss":"simclr","augment":"light"}""", "test"), 0, _ => { }))
        {
            trainer.Save(folder.File("run"));
        }
        using var loaded = LoadedModel.Open(device, folder.File("run"), new NetworkOptions());
        using var encoder = new Encoder(device, loaded.Model, loaded.Images, Rows);
        (string Name, int Width, int Height)[] images = [("a", 40, 30), ("b", 400, 300), ("c", 30, 30), ("d", 15000, 1), ("e", 380, 320), ("f", 20, 20), ("g", 50, 40)];
        FeatureSet Of(string name, IEnumerable<(string Name, int Width, int Height)> part)
        {
            var path = Directory.CreateDirectory(Path.Combine(folder, name, "all")).FullName;
            foreach (var image in part)
            {
                var pixels = new byte[3 * image.Width * image.Height];
                new Random(image.Name[0]).NextBytes(pixels);
                PngFile.Write(Path.Combine(path, image.Name + ".png"), pixels, image.Width, image.Height);
            }
            using var data = DatasetFactory.Open(folder.File(name), "imagefolder");
            var warnings = new List<string>();
            var set = FeatureSet.Extract(encoder, data, limit: null, workers: 1, warnings.Add, CancellationToken.None);
            Assert.Equal(set.Skipped.Count, warnings.Count(w => w.Contains("1 of 7 images could not be used", StringComparison.Ordinal)));
            Assert.Equal(set.Skipped.Count, warnings.Count);
            return set;
        }
        Assert.InRange(3 * 400 * 300, encoder.ImageBytes + 1, encoder.LargestImageBytes);
        Assert.InRange(3 * (400 * 300 + 380 * 320), encoder.LargestImageBytes + 1, int.MaxValue);
        var all = Of("all", images);
        Assert.Equal(["a", "b", "c", "e", "f", "g"], all.Keys.Select(k => Path.GetFileNameWithoutExtension(k)));
        Assert.Equal([(SampleFault.Unsupported, 1L)], all.Skipped.Select(s => (s.Key, s.Value)));
        foreach (var (row, key) in all.Keys.Index())
        {
            var alone = Of($"only-{row}", images.Where(i => i.Name == Path.GetFileNameWithoutExtension(key)));
            Assert.Equal(alone.Features[0].ToArray(), all.Features[row].ToArray());
        }
    }
}

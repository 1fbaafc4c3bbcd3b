using XClr.Train.Evaluation;

namespace XClr.Train.Tests.Evaluation;

public class RetrievalTests
{
    // Angles on the unit circle, degrees: the cosine falls with the distance of two angles.
    private static readonly Dictionary<string, int> Texts = new() { ["a"] = 0, ["b"] = 40, ["c"] = 90, ["d"] = 94 };

    [SkippableFact]
    public void Any_of_an_images_captions_is_right_for_it_and_any_image_of_a_caption_for_that()
    {
        // Image 0 lies nearest to b, which is its second caption. 1 and 2 share c; 2 lies nearest to d, c is its second. 3 has a, and lies furthest from it: the last of four.
        var images = Circle(38, 89, 96, 70);
        List<string[]> captions = [["a", "b"], ["c"], ["c"], ["a"]];
        var found = WithTexts(images, captions.Append(["d"]).ToList(), images: 5, last: 180);
        Assert.Equal((5, 4), (found.Images, found.Texts));
        // Right at once: images 0 and 1. Image 4, at 180 degrees, lies nearest to its own d: 86 degrees, c 90.
        Assert.Equal(new RecallAt(3 / 5.0, 1, 1), found.ImageToText);
        // a (0 degrees) finds image 0 first, b (40) image 0, c (90) image 1, d (94) image 2 before images 1, 3, 0 and its own 4: fifth.
        Assert.Equal(new RecallAt(3 / 4.0, 1, 1), found.TextToImage);
    }

    [SkippableFact]
    public void A_right_answer_beyond_the_tenth_does_not_count()
    {
        // Texts t0 ... t11 at 0, 2, ... 22 degrees, in that order from the image at 0; images 1 to 11 lie on their own.
        var angles = Enumerable.Range(0, 12).Select(i => 2 * i).ToArray();
        string[][] captions = [["t11"], .. Enumerable.Range(0, 11).Select(i => new[] { $"t{i}" })];
        int Angle(string text) => angles[int.Parse(text[1..], System.Globalization.CultureInfo.InvariantCulture)];
        var found = Locked(device => Retrieval.WithTexts(device, Circle([0, .. angles[..11]]), captions, texts => Circle([.. texts.Select(Angle)]), default));
        // Image 0 has its text at the twelfth place; each of the others has it at the first.
        Assert.Equal(new RecallAt(11 / 12.0, 11 / 12.0, 11 / 12.0), found.ImageToText);
        var tenth = Locked(device => Retrieval.WithTexts(device, Circle([5, .. angles[..11]]), captions, texts => Circle([.. texts.Select(Angle)]), default));
        // From t11 at 22 degrees there are eight images at 20 to 6 degrees before its own at 5.
        Assert.Equal(new RecallAt(11 / 12.0, 11 / 12.0, 1), tenth.TextToImage);
    }

    [SkippableFact]
    public void An_image_is_not_its_own_neighbour()
    {
        // Images 0 and 1 are equal. Neighbours of three images are the two others.
        var features = Circle(10, 10, 60);
        var texts = Circle(0, 60, 90);
        var found = Locked(device => Retrieval.OfImages(device, features, texts, [7, 7, 3], default));
        Assert.Equal(2, found.K);
        var cosines = new[] { Math.Cos(Math.PI / 3), Math.Cos(Math.PI / 2), Math.Cos(Math.PI / 6) };
        // Every pair is counted from both sides; the labels of one pair of three agree.
        Assert.Equal(cosines.Average(), found.TextCosine, 1e-6);
        Assert.Equal(cosines.Average(), found.RandomTextCosine, 1e-6);
        Assert.Equal(1 / 3.0, found.Precision!.Value, 1e-12);
        Assert.Null(Locked(device => Retrieval.OfImages(device, features, texts, null, default)).Precision);
    }

    [SkippableFact]
    public void Only_the_ten_nearest_images_count()
    {
        // Images at 0 to 11 degrees, the last alone has another label. Of each image's eleven others the furthest does not count.
        var found = Locked(device => Retrieval.OfImages(device, Circle([.. Enumerable.Range(0, 12)]), Circle(new int[12]), [.. Enumerable.Range(0, 12).Select(i => i / 11)], default));
        Assert.Equal(10, found.K);
        // For those at 0 to 5 that is the last image, for those at 6 to 10 the first: these have nine of their label. The last image has none.
        Assert.Equal(((6 * 10) + (5 * 9)) / 120.0, found.Precision!.Value, 1e-12);
    }

    [Fact]
    public void The_table_has_mean_and_sample_deviation_over_seeds()
    {
        Assert.Equal(new Comparison.MeanOfSeeds(2, 1, 3), Comparison.MeanOfSeeds.Of([1, 2, 3]));
        Assert.Equal(new Comparison.MeanOfSeeds(5, null, 1), Comparison.MeanOfSeeds.Of([5]));
    }

    private static RetrievalResult WithTexts(RowMatrix first, List<string[]> captions, int images, int last)
    {
        first.Add(Circle(last)[0]);
        Assert.Equal(images, first.Count);
        return Locked(device => Retrieval.WithTexts(device, first, captions, texts => Circle([.. texts.Select(t => Texts[t])]), default));
    }

    private static T Locked<T>(Func<Gpu.GpuDevice, T> measure)
    {
        var device = TestDevices.Get(TestDevices.Lavapipe);
        lock (TestDevices.Gate)
        {
            return measure(device);
        }
    }

    private static RowMatrix Circle(params int[] degrees) =>
        RowMatrix.Of([.. degrees.SelectMany(d => new[] { (float)Math.Cos(d * Math.PI / 180), (float)Math.Sin(d * Math.PI / 180) })], 2);
}

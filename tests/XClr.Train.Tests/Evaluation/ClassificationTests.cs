using XClr.Data;
using XClr.Train.Evaluation;

namespace XClr.Train.Tests.Evaluation;

public sealed class ClassificationTests : IDisposable
{
    private readonly TempFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Accuracies_and_confusion_count_what_was_taken_for_what()
    {
        // Labels 0, 0, 1, 2; predictions 0, 1, 1, 0 (a tie goes to the lower class).
        var scores = RowMatrix.Of([0.8f, 0.1f, 0.1f, 0.2f, 0.5f, 0.3f, 0, 1, 0, 0.4f, 0.2f, 0.4f], 3);
        var c = Classification.Of(scores, new AnswerKey([0, 0, 1, 2], ["ant", "bee", "cat"]), areProbabilities: true);
        Assert.Equal(0.5, c.Top1);
        Assert.Null(c.Top5);
        Assert.Equal(0.5, c.MeanPerClass);
        Assert.Equal([("ant", 2, 0.5), ("bee", 1, 1.0), ("cat", 1, 0.0)], c.PerClass.Select(p => (p.Name, p.Images, p.Top1!.Value)));
        Assert.Equal([new(0, 0, 1), new(0, 1, 1), new(1, 1, 1), new(2, 0, 1)], c.Confusion);
        // Bins of confidence 0.8 (right), 0.5 (wrong), 1 (right), 0.4 (wrong): (0.2 + 0.5 + 0 + 0.4) / 4.
        Assert.Equal(0.275, c.Ece!.Value, 1e-6);
        Assert.Null(Classification.Of(scores, new AnswerKey([0, 0, 1, 2], null), areProbabilities: false).Ece);
    }

    [Fact]
    public void A_class_without_images_has_no_accuracy_and_does_not_count_in_the_mean()
    {
        var scores = RowMatrix.Of([0.8f, 0.1f, 0.1f, 0.2f, 0.5f, 0.3f, 0, 1, 0], 3);
        var c = Classification.Of(scores, new AnswerKey([0, 0, 1], ["ant", "bee", "cat"]), areProbabilities: false);
        Assert.Equal(new ClassAccuracy(2, "cat", 0, null), c.PerClass[2]);
        // 1 of 2 and 1 of 1.
        Assert.Equal(0.75, c.MeanPerClass);
        // As where a network has more classes than the set has names.
        Assert.Equal(["ant", "bee", null], Classification.Of(scores, new AnswerKey([0, 0, 1], ["ant", "bee"]), areProbabilities: false).PerClass.Select(p => p.Name));
    }

    [Fact]
    public void Confidence_is_compared_with_hits_within_fifteenths()
    {
        // 0.61 and 0.66 lie between 9/15 and 10/15, 0.68 does not: a hit and a miss of one bin offset each other.
        Assert.Equal((0.66 - (1 - 0.61)) / 2, Classification.CalibrationError([0.61f, 0.66f], [true, false]), 1e-6);
        Assert.Equal((0.68 + (1 - 0.61)) / 2, Classification.CalibrationError([0.61f, 0.68f], [true, false]), 1e-6);
        // 1 belongs to the last bin, which begins at 14/15.
        Assert.Equal((0.95 - (1 - 1)) / 2, Classification.CalibrationError([1, 0.95f], [true, false]), 1e-6);
        Assert.Equal((1 - (1 - 0.95)) / 2, Classification.CalibrationError([1, 0.95f], [false, true]), 1e-6);
    }

    [Fact]
    public void Top5_ranks_the_label_among_ties_by_class()
    {
        float[] equal = [1, 1, 1, 1, 1, 1, 1];
        Assert.Equal(1, Classification.Of(RowMatrix.Of(equal, 7), new AnswerKey([4], null), false).Top5);
        Assert.Equal(0, Classification.Of(RowMatrix.Of(equal, 7), new AnswerKey([5], null), false).Top5);
        // The best five of five say nothing.
        Assert.Null(Classification.Of(RowMatrix.Of(equal[..5], 5), new AnswerKey([4], null), false).Top5);
    }

    [Fact]
    public void The_interval_is_the_binomial_one()
    {
        // Standard error of 300 hits in 1,000: 0.0145.
        var interval = Classification.Bootstrap([.. Enumerable.Range(0, 1000).Select(i => i % 10 < 3)]);
        Assert.InRange(interval.Low, 0.3 - (2.3 * 0.0145), 0.3 - (1.7 * 0.0145));
        Assert.InRange(interval.High, 0.3 + (1.7 * 0.0145), 0.3 + (2.3 * 0.0145));
        // That of misses is the other way round. Of one size the shares next to an end may be equal.
        foreach (var size in new[] { 3000, 5000, 7000, 9000, 11_000, 13_000 })
        {
            bool[] hits = [.. Enumerable.Range(0, size).Select(i => i % 10 < 3)];
            var (own, other) = (Classification.Bootstrap(hits), Classification.Bootstrap([.. hits.Select(h => !h)]));
            Assert.Equal(1 - own.Low, other.High, 1e-12);
            Assert.Equal(1 - own.High, other.Low, 1e-12);
        }
    }

    [Fact]
    public void A_share_takes_as_much_of_each_class_and_a_list_what_it_names()
    {
        int[] labels = [.. Enumerable.Range(0, 120).Select(i => i < 100 ? 0 : 1)];
        string[] keys = [.. labels.Select((_, i) => $"train/n1/n1_{i}.JPEG")];
        var rows = Subset.Parse("0.1").Single().Of(keys, labels);
        Assert.Equal((10, 2), (rows.Count(r => labels[r] == 0), rows.Count(r => labels[r] == 1)));
        Assert.Equal(rows, Subset.Parse("0.1").Single().Of(keys, labels));
        // A larger share holds the smaller one.
        Assert.Subset(Subset.Parse("0.5").Single().Of(keys, labels).ToHashSet(), rows.ToHashSet());
        Assert.Equal(1, Subset.Parse("0.001").Single().Of(keys, labels).Count(r => labels[r] == 1));
        var list = folder.File("1percent.txt");
        File.WriteAllLines(list, ["n1_7.JPEG", "n1_101.JPEG", "n1_9999.JPEG"]);
        Assert.Equal([7, 101], Subset.Parse(list).Single().Of(keys, labels));
        File.WriteAllLines(list, ["n2_7.JPEG"]);
        Assert.Contains("none of its 1 names", Assert.Throws<DataException>(() => Subset.Parse(list).Single().Of(keys, labels)).Message, StringComparison.Ordinal);
        Assert.Throws<UsageException>(() => Subset.Parse("1.5"));
        Assert.Throws<UsageException>(() => Subset.Parse("nothing.txt"));
    }

    [Fact]
    public void Templates_are_a_file_or_one()
    {
        Assert.Equal("a red fox.", PromptTemplate.Read("a red {}.").Single().Fill("fox"));
        Assert.Equal("the fox", PromptTemplate.Read("the {class}").Single().Fill("fox"));
        var file = folder.File("templates.txt");
        File.WriteAllLines(file, ["a photo of a {}.", "", "art of the {}."]);
        Assert.Equal(["a photo of a fox.", "art of the fox."], PromptTemplate.Read(file).Select(t => t.Fill("fox")));
        File.AppendAllLines(file, ["no place"]);
        Assert.Contains("'no place' has no {}", Assert.Throws<DataException>(() => PromptTemplate.Read(file)).Message, StringComparison.Ordinal);
    }
}

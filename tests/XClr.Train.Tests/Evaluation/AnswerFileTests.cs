using XClr.Data;
using XClr.Train.Evaluation;

namespace XClr.Train.Tests.Evaluation;

/// <summary>Right answers as ImageNet's later test sets have them, on the files' own forms.</summary>
public sealed class AnswerFileTests : IDisposable
{
    private static readonly string[] Trained = ["tench", "analog clock", "digital clock", "mountain bike", "chair"];
    private readonly TempFolder folder = new();
    private readonly List<string> warnings = [];

    public void Dispose() => folder.Dispose();

    private AnswerKey Key(string json, string[] keys, int[] labels, string[]? own)
    {
        var path = folder.File("answers.json");
        File.WriteAllText(path, json);
        var set = new FeatureSet(keys, new RowMatrix(1), null, null, labels, [], [], new Dictionary<SampleFault, long>());
        return AnswerFile.Read(path).KeyOf(set, own, Trained, warnings.Add);
    }

    [Fact]
    public void Real_lists_the_classes_of_an_image_by_its_number()
    {
        string[] keys = ["n1/ILSVRC2012_val_00000003.JPEG", "n1/ILSVRC2012_val_00000001.JPEG", "n2/ILSVRC2012_val_00000002.JPEG"];
        // There is no sixth class.
        var key = Key("[[1, 2, 5], [], [4]]", keys, [0, 0, 1], null);
        Assert.Equal([0, 1], key.Counted);
        Assert.True(key.Accepts(0, 4) && !key.Accepts(0, 0) && key.Accepts(1, 2) && key.Accepts(1, 1) && !key.Accepts(1, 5) && !key.Accepts(2, 1));
        // Predictions 1, 1, 1: the second is right, the third does not count.
        var scores = RowMatrix.Of([0, 1, 0, 0, 0, 0, 1, 0, 0, 0], 5);
        Assert.Equal(0.5, Classification.Of(scores, key.Choose(key.Counted), areProbabilities: false).Top1);
        Assert.Contains("the held-out set has 'dog.jpg'", Assert.Throws<DataException>(() => Key("[[1]]", ["dog.jpg"], [0], null)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Imagenet_9_groups_classes_by_the_folders_number()
    {
        var key = Key("""{"0": 1, "1": 0, "2": 0, "3": -1, "4": 1}""", ["a", "b"], [0, 1], ["00_clock", "01_other"]);
        Assert.Equal([1, 2], key.Of(0).Order());
        Assert.Equal([0, 4], key.Of(1).Order());
        var scores = RowMatrix.Of([0, 0, 1, 0, 0, 0, 0, 0, 1, 0], 5);
        var judged = Classification.Of(scores, key, areProbabilities: false);
        Assert.Equal([("00_clock", 1.0), ("01_other", 0.0)], judged.PerClass.Select(c => (c.Name, c.Top1!.Value)));
        Assert.Equal([new(0, 2, 1), new(1, 3, 1)], judged.Confusion);
    }

    [Fact]
    public void Objectnet_names_imagenets_classes_and_its_other_classes_do_not_count()
    {
        const string Json = """{"Alarm clock": "analog clock; digital clock", "Bicycle": "mountain bike, all-terrain bike, off-roader; bicycle-built-for-two, tandem bicycle"}""";
        var key = Key(Json, ["x", "y", "z"], [0, 1, 2], ["alarm_clock", "bicycle", "wheel"]);
        Assert.Equal([0, 1], key.Counted);
        Assert.Equal([1, 2], key.Of(0).Order());
        Assert.Equal([3], key.Of(1));
        Assert.Contains("1 of its names are no class of the training set", Assert.Single(warnings), StringComparison.Ordinal);
        Assert.Contains("none of the held-out set's 1 classes", Assert.Throws<DataException>(() => Key(Json, ["x"], [0], ["wheel"])).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("3")]
    [InlineData("{\"a\": [1]}")]
    [InlineData("[1, 2]")]
    [InlineData("{")]
    [InlineData("{\"99999999999\": 1}")]
    [InlineData("{\"a\": \"\\ud800\"}")]
    public void Another_file_is_refused_with_the_three_forms(string json) =>
        Assert.Contains("is none of real.json", Assert.Throws<DataException>(() => Key(json, ["x"], [0], null)).Message, StringComparison.Ordinal);

    [Fact]
    public void Parts_of_names_are_classes_and_no_adjective_is_left_out()
    {
        foreach (var name in new[] { "ancient bear", "ancient house", "adj bear", "young bear" })
        {
            Directory.CreateDirectory(Path.Combine(folder, "states", name));
            File.WriteAllBytes(Path.Combine(folder, "states", name, "1.jpg"), [1]);
        }
        IImageDataset Open(NamePart part) => ClassPart.Of(DatasetFactory.Open(folder.File("states")), part);
        using var nouns = Open(NamePart.Noun);
        Assert.Equal(["bear", "house"], nouns.Classes);
        Assert.Equal([0, 0, 1, 0], nouns.Read(ReadOrder.Sequential).Select(s => s.Label!.Value));
        using var adjectives = Open(NamePart.Adjective);
        Assert.Equal(["ancient", "young"], adjectives.Classes);
        Assert.Equal([0, 0, 1], adjectives.Read(ReadOrder.Sequential).Select(s => s.Label!.Value));
        Directory.CreateDirectory(Path.Combine(folder, "states", "bear"));
        File.WriteAllBytes(Path.Combine(folder, "states", "bear", "1.jpg"), [1]);
        Assert.Contains("has the class 'bear'", Assert.Throws<DataException>(() => Open(NamePart.Noun)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_share_of_a_set_is_the_same_images_as_of_its_features()
    {
        for (var i = 0; i < 40; i++)
        {
            var path = Path.Combine(folder, "set", i % 4 == 0 ? "rare" : "common", $"{i}.jpg");
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllBytes(path, [1]);
        }
        using var set = DatasetFactory.Open(folder.File("set"));
        var (keys, labels) = (set.Read(ReadOrder.Sequential).Select(s => s.Key).ToList(), set.Read(ReadOrder.Sequential).Select(s => s.Label!.Value).ToArray());
        var subset = Subset.Parse("0.2").Single();
        using var part = SubsetDataset.Of(set, subset);
        Assert.Equal(8, part.Count);
        Assert.Equal(subset.Of(keys, labels).Select(i => keys[i]), part.Read(ReadOrder.Sequential).Select(s => s.Key));
        Assert.Equal(part.Read(ReadOrder.Sequential).Select(s => s.Key).Order(), part.Read(new ReadOrder(true, 3, 1)).Select(s => s.Key).Order());
    }
}

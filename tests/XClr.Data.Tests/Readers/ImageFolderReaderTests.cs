namespace XClr.Data.Tests;

/// <summary>Folders of images, a folder a class.</summary>
public sealed class ImageFolderReaderTests
{
    [Fact]
    public void Image_folder_gives_classes_in_order()
    {
        using var folder = new TempFolder();
        folder.File("train/n02/b.JPEG", TestImages.Solid(2));
        folder.File("train/n02/a.jpg", TestImages.Solid(1));
        folder.File("train/n01/deep/c.png", TestImages.Solid(3));
        folder.File("train/n01/notes.txt", "no image");
        folder.File("train/.thumbnails/a.jpg", TestImages.Solid(1));
        folder.File("val/n01/d.jpg", TestImages.Solid(4));
        var s = DatasetReading.ReadAll(folder.Path + "/train", "imagefolder");
        Assert.Equal(["n01/deep/c.png", "n02/a.jpg", "n02/b.JPEG"], s.Select(x => x.Key));
        Assert.Equal([0, 1, 1], s.Select(x => x.Label));
        Assert.Single(DatasetReading.ReadAll(folder, "imagefolder", new() { Split = "val" }));
        Assert.Contains("holds splits (train, val)", DatasetReading.Error(folder));

        var classes = folder.File("classes.txt", "n05\tother\nn02\tcat, tabby\nn01\tdog\n");
        s = DatasetReading.ReadAll(folder.Path + "/train", "imagefolder", new() { ClassesFile = classes, CaptionTemplate = "a photo of a {class name}" });
        Assert.Equal([2, 1, 1], s.Select(x => x.Label));
        Assert.Equal("a photo of a cat", s[1].Caption);
        Assert.Contains("n01' is no class", DatasetReading.Error(folder.Path + "/train", new() { ClassesFile = folder.File("few.txt", "n02\tcat") }));
        Assert.Contains("does not exist", DatasetReading.Error(folder.Path + "/train", new() { ClassesFile = "/nowhere/classes.txt" }));
        Assert.Contains("line 2", DatasetReading.Error(folder.Path + "/train", new() { ClassesFile = folder.File("gap.txt", "a\n\nb") }));
    }

    [Fact]
    public void Image_folder_follows_links_but_not_in_a_loop()
    {
        using var folder = new TempFolder();
        folder.File("set/a/1.jpg", TestImages.Solid(1));
        folder.File("set/b/deep/2.JPG", TestImages.Solid(2));
        folder.File("far/c/3.png", TestImages.Solid(3));
        var set = folder.Path + "/set";
        void Link(string name, string target) => Directory.CreateSymbolicLink($"{folder.Path}/{name}", target);
        Link("set/c", "../far/c");
        Link("set/a/more", "../b/deep");
        Link("set/a/1b.jpg", "1.jpg");
        Link("again", "set");
        string[] all = ["a/1.jpg", "a/1b.jpg", "a/more/2.JPG", "b/deep/2.JPG", "c/3.png"];
        Assert.Equal(all, DatasetReading.ReadAll(set, "imagefolder").Select(x => x.Key));
        Assert.Equal(all, DatasetReading.ReadAll(folder.Path + "/again/", "imagefolder").Select(x => x.Key));

        // To itself, to a folder above it, above the root, the root as a class, through a link out and back, and where the root is reached by a link.
        foreach (var (link, target) in new[]
        {
            ("set/a/self", "."), ("set/b/deep/up", ".."), ("set/b/deep/out", "../../.."), ("set/d", "."), ("far/c/back", "../../set"), ("far/c/back", folder.Path + "/again/c"),
        })
        {
            Link(link, target);
            var real = Path.GetFullPath(Path.Combine(folder, Path.GetDirectoryName(link)!, target)).TrimEnd('/').Replace("/again/c", "/far/c", StringComparison.Ordinal);
            foreach (var root in new[] { set, folder.Path + "/again" })
            {
                var error = Assert.Throws<DataException>(() => DatasetFactory.Open(root, "imagefolder")).Message;
                Assert.Contains($"/{Path.GetFileName(link)}' leads to '{real}'", error);
            }
            File.Delete($"{folder.Path}/{link}");
        }
    }

    [Fact]
    public void Indexed_sets_shuffle_all_their_samples()
    {
        using var folder = new TempFolder();
        for (var i = 0; i < 300; i++)
        {
            folder.File($"{(i < 150 ? "a" : "b")}/{i:D3}.jpg", [1]);
        }
        using var data = DatasetFactory.Open(folder);
        List<string> Order(ulong seed, int epoch) => [.. data.Read(new(true, seed, epoch, BufferSize: 2)).Select(s => s.Key)];
        Assert.Equal(Order(1, 0), Order(1, 0));
        Assert.NotEqual(Order(1, 0), Order(1, 1));
        Assert.NotEqual(Order(1, 0), Order(2, 0));
        Assert.Equal(300, Order(1, 0).Distinct().Count());
        // Class a fills half of the first hundred: 50 expected, standard deviation 4.1.
        Assert.InRange(Order(1, 0).Take(100).Count(k => k[0] == 'a'), 30, 70);
    }
}

using XClr.Data.Readers;

namespace XClr.Data.Tests;

public sealed class ClassMatchTests
{
    [Fact]
    public void Labels_follow_the_names_where_a_folder_has_fewer_classes()
    {
        using var folder = new TempFolder();
        using var train = Folder(folder, "train", "ant", "bee", "cat");
        using var validation = ClassMatch.To(train, Folder(folder, "val", "bee", "cat"));
        Assert.Equal([1, 2], validation.Read(ReadOrder.Sequential).Select(s => s.Label!.Value));
        Assert.Equal(["ant", "bee", "cat"], validation.Classes);
        Assert.Equal(2, validation.Count);
    }

    [Fact]
    public void An_unknown_class_is_named()
    {
        using var folder = new TempFolder();
        using var train = Folder(folder, "train", "ant", "bee");
        using var validation = Folder(folder, "val", "bee", "zebra");
        var message = Assert.Throws<DataException>(() => ClassMatch.To(train, validation)).Message;
        Assert.Contains($"'{validation.Name}' has the class 'zebra', which '{train.Name}' lacks", message);
        Assert.Contains("classes file", message);
    }

    [Fact]
    public void A_name_that_two_classes_of_a_file_share_finds_neither_their_ids_find_each()
    {
        using var folder = new TempFolder();
        var classes = ClassList.Load(folder.File("classes.txt", "n01\tcrane, bird\nn02\tcrane\nn03\ttench\n"));
        Assert.Equal(["crane", "crane", "tench"], classes.Names);
        Assert.Equal([null, 0, 1, 2, 2, null], new[] { "crane", "n01", "n02", "tench", "n03", "bird" }.Select(n => classes.Find(n)));
    }

    [Fact]
    public void Named_labels_of_tables_are_matched_too()
    {
        using var folder = new TempFolder();
        File.WriteAllText(Path.Combine(folder, "train.csv"), "path,label\na.png,ant\nb.png,bee\nc.png,cat\n");
        File.WriteAllText(Path.Combine(folder, "val.csv"), "path,label\nd.png,cat\ne.png,bee\nf.png,cat\n");
        using var train = new TableReader(Path.Combine(folder, "train.csv"), "csv");
        using var validation = ClassMatch.To(train, new TableReader(Path.Combine(folder, "val.csv"), "csv"));
        Assert.Equal([2, 1, 2], validation.Read(ReadOrder.Sequential).Select(s => s.Label!.Value));
    }

    [Fact]
    public void Sets_of_the_same_names_and_sets_without_names_stay_as_they_are()
    {
        using var folder = new TempFolder();
        using var train = Folder(folder, "train", "ant", "bee");
        using var same = Folder(folder, "val", "ant", "bee");
        Assert.Same(same, ClassMatch.To(train, same));
        File.WriteAllText(Path.Combine(folder, "numbers.csv"), "path,label\na.png,1\nb.png,0\n");
        using var numbers = new TableReader(Path.Combine(folder, "numbers.csv"), "csv");
        Assert.Same(numbers, ClassMatch.To(train, numbers));
    }

    private static ImageFolderReader Folder(TempFolder folder, string name, params string[] classes)
    {
        foreach (var label in classes)
        {
            Directory.CreateDirectory(Path.Combine(folder, name, label));
            File.WriteAllBytes(Path.Combine(folder, name, label, "1.png"), []);
        }
        return new ImageFolderReader(Path.Combine(folder, name));
    }
}

using XClr.Data.Readers;

namespace XClr.Data.Tests;

/// <summary>Which format a path is of, and what is said where it is of none.</summary>
public sealed class DatasetFactoryTests
{
    [Fact]
    public void A_folder_with_a_table_and_one_folder_of_images_is_refused_with_the_tables_name()
    {
        using var folder = new TempFolder();
        folder.File("img/1.jpg", TestImages.Solid(1));
        var table = folder.File("own.csv", "image,caption\nimg/1.jpg,a dog\n");
        folder.File(".git/HEAD", "main");
        Assert.Contains($"name the table, '{table}'", DatasetReading.Error(folder));
        Assert.Equal("a dog", Assert.Single(DatasetReading.ReadAll(table, "csv")).Caption);
        Assert.Null(Assert.Single(DatasetFactory.Open(folder, "imagefolder").Read(ReadOrder.Sequential)).Fault);
        folder.File("img2/2.jpg", TestImages.Solid(2));
        Assert.Equal(2, DatasetReading.ReadAll(folder, "imagefolder").Count);
    }

    [Fact]
    public void Unknown_paths_say_what_was_found_there()
    {
        using var folder = new TempFolder();
        Assert.Contains("found nothing", DatasetReading.Error(folder));
        folder.File("a.jpg", [1]);
        folder.File("b.jpg", [1]);
        Assert.Contains("2 .jpg", DatasetReading.Error(folder));
        Assert.Contains("does not exist", DatasetReading.Error(folder.Path + "/none/here"));
        Assert.Contains("2 .jpg", DatasetReading.Error(folder.Path + "/none/here"));
        Assert.Contains("none of 1 Parquet file(s) can be read", DatasetReading.Error(folder.File("x.parquet", [1])));
        File.Delete(folder.Path + "/x.parquet");
        Assert.Contains("no known kind", DatasetReading.Error(folder.File("x.zip", [1])));
        Assert.Contains("no data format 'mnist'", Assert.Throws<DataException>(() => DatasetFactory.Open(folder, "mnist")).Message);
        Directory.CreateDirectory(folder.Path + "/sub");
        Assert.Contains("no images", DatasetReading.Error(folder));
    }
}

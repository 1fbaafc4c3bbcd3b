using System.IO.Pipes;
using XClr.Data.Packing;
using XClr.Data.Readers;

namespace XClr.Data.Tests;

/// <summary>Lists of addresses: which column is which.</summary>
public sealed class AddressTableTests
{
    [Theory]
    [InlineData("cc3m.tsv", "a dog\thttps://x.org/1.jpg\nb\thttp://x.org/2.jpg\n", "caption,url")]
    [InlineData("cc3m.tsv", "a dog\thttps://x.org/1.jpg\nhttp://y.org\thttp://x.org/2.jpg\n", "caption,url")]
    [InlineData("cc12m.tsv", "https://x.org/1.jpg\ta dog\nhttps://x.org/2.jpg\tsee http://y.org\n", "url,caption")]
    [InlineData("named.csv", "id,text,image_url\n1,\"a, dog\",https://x.org/1.jpg\n2,b,https://x.org/2.jpg\n", "id,text,image_url")]
    [InlineData("rows.jsonl", "{\"url\": \"https://x.org/1.jpg\", \"caption\": \"a dog\"}\n{\"url\": \"https://x.org/2.jpg\", \"score\": NaN}\n", null)]
    public void Columns_are_recognised(string name, string text, string? columns)
    {
        using var folder = new TempFolder();
        using var table = new AddressTable(folder.File(name, text));
        Assert.Equal(columns?.Split(','), table.Columns);
        Assert.Equal(["https://x.org/1.jpg", name == "cc3m.tsv" ? "http://x.org/2.jpg" : "https://x.org/2.jpg"], table.Read().Select(i => i.Address));
        Assert.Contains("dog", table.Read().First().Sample.Caption);
        Assert.Equal(2, table.Total);
    }

    [Fact]
    public void Columns_may_be_named_and_are_asked_for_where_they_cannot_be_told()
    {
        using var folder = new TempFolder();
        var path = folder.File("t.tsv", "1\thttps://x.org/1.jpg\thttps://x.org/page\ta dog\n");
        Assert.Contains("--columns url,caption", Assert.Throws<DataException>(() => new AddressTable(path)).Message);
        using var table = new AddressTable(path, ["id", "url", "page", "caption"]);
        Assert.Equal(("https://x.org/1.jpg", "a dog"), (table.Read().Single().Address, table.Read().Single().Sample.Caption));
        string Error(string file, params string[] columns) => Assert.Throws<DataException>(() => new AddressTable(file, columns)).Message;
        // Before any row is packed: the file, what was asked for, and what there is.
        Assert.Contains($"'{path}': none of the columns a, b, c, d is named url", Error(path, "a", "b", "c", "d"));
        Assert.Contains("it has 1\thttps://x.org/1.jpg\thttps://x.org/page\ta dog. --columns names all columns in the file's order", Error(path, "a", "b", "c", "d"));
        Assert.Contains($"'{path}' has 4 columns, not the 2 of url, caption: 1\thttps://x.org/1.jpg\thttps://x.org/page\ta dog", Error(path, "url", "caption"));
        var objects = folder.File("t.jsonl", "{\"url\": \"https://x.org/1.jpg\"}\n");
        Assert.Contains($"--columns link,caption: the rows of '{objects}' are JSON objects", Error(objects, "link", "caption"));
        var others = folder.File("u.jsonl", "{\"address\": \"https://x.org/1.jpg\"}\n[]\n");
        Assert.Contains($"'{others}': none of its first 2 rows is a JSON object with a url or image_url or link; the first is {{\"address\"", Assert.Throws<DataException>(() => new AddressTable(others)).Message);
        // One row in a hundred may be of another length.
        using var odd = new AddressTable(folder.File("odd.tsv", "broken\na dog\thttps://x.org/1.jpg\n"), ["caption", "url"]);
        Assert.Equal([null, "https://x.org/1.jpg"], odd.Read().Select(r => r.Address));
        Assert.Contains("no rows", Assert.Throws<DataException>(() => new AddressTable(folder.File("e.tsv", ""))).Message);
        Assert.Contains("does not exist", Assert.Throws<DataException>(() => new AddressTable(folder + "/none.tsv")).Message);
    }

    /// <summary>As the shell's `<(head -1000 cc3m.tsv)` is one.</summary>
    [Fact]
    public void A_pipe_is_refused_with_its_name_and_the_remedy()
    {
        using var pipe = new AnonymousPipeServerStream(PipeDirection.Out);
        var path = $"/dev/fd/{pipe.GetClientHandleAsString()}";
        pipe.Write("a dog\thttps://x.org/1.jpg\n"u8);
        string Error(Func<IDisposable> open) => Assert.Throws<DataException>(open).Message;
        Assert.Contains($"'{path}' is a pipe", Error(() => new AddressTable(path)));
        Assert.Contains("write it to a file first", Error(() => new TableReader(path, "tsv")));
    }
}

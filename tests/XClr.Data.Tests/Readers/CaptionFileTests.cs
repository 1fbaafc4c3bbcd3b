namespace XClr.Data.Tests;

public sealed class CaptionFileTests : IDisposable
{
    private readonly TempFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void A_text_file_gives_its_lines_as_they_stand() =>
        Assert.Equal(["a dog", "", "  two  spaces", "\"quoted\""], CaptionFile.Read(folder.File("c.txt", "a dog\n\n  two  spaces\r\n\"quoted\"\n")));

    [Fact]
    public void A_jsonl_file_gives_strings_and_captions() =>
        Assert.Equal(["a\nb", "c", ""], CaptionFile.Read(folder.File("c.JSONL", "\"a\\nb\"\n{\"id\": 3, \"caption\": \"c\"}\n\"\"\n")));

    [Theory]
    [InlineData("\"a\"\n3\n", "line 2: expected a string")]
    [InlineData("{\"text\": \"a\"}", "line 1: expected a string")]
    [InlineData("\"a\"\n\n\"b\"", "line 2: no valid JSON")]
    [InlineData("\"\\ud83d\"", "line 1: no valid JSON text")]
    public void A_line_that_is_no_caption_is_refused_by_number(string text, string expected)
    {
        var path = folder.File("c.jsonl", text);
        var message = Assert.Throws<DataException>(() => CaptionFile.Read(path)).Message;
        Assert.Contains(expected, message);
        Assert.Contains("c.jsonl", message);
    }

    [Fact]
    public void Data_sets_are_no_caption_files_and_missing_ones_are_named()
    {
        Assert.False(CaptionFile.Is(folder));
        Assert.False(CaptionFile.Is("a.tar"));
        Assert.True(CaptionFile.Is("a.TXT"));
        Assert.Contains("nowhere.txt", Assert.Throws<DataException>(() => CaptionFile.Read(folder.File("nowhere.txt"))).Message);
    }
}

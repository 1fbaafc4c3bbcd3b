using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using XClr.Text.Unicode;

namespace XClr.Text.Tests;

public class UnicodeDataTests
{
    private static JsonElement Golden { get; } = JsonDocument.Parse(
        File.ReadAllBytes(Path.Combine(Repository.Root, "tests", "Golden", "text", "unicode.json"))).RootElement;

    [Fact]
    public void Every_code_point_decomposes_and_lowers_as_in_pythons_tables()
    {
        var blocks = Golden.GetProperty("blocks").EnumerateArray().Select(b => b.GetString()!).ToArray();
        Assert.Equal(0x110000 / 1024, blocks.Length);
        for (var block = 0; block < blocks.Length; block++)
        {
            var text = new StringBuilder();
            for (var code = block * 1024; code < (block + 1) * 1024; code++)
            {
                if (code is >= 0xD800 and <= 0xDFFF)
                {
                    continue;
                }
                text.Append(Decompose(new Rune(code).ToString())).Append(new Rune(UnicodeData.ToLower(code)).ToString());
            }
            var hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.Unicode.GetBytes(text.ToString())))[..16];
            Assert.True(hash == blocks[block], $"code points from U+{block * 1024:X4}");
        }
    }

    [Fact]
    public void Combining_marks_are_ordered() => Assert.All(Golden.GetProperty("ordered").EnumerateArray(),
        pair => Assert.Equal(pair[1].GetString(), Decompose(pair[0].GetString()!)));

    [Theory]
    [InlineData(0x00AD, 1)]
    [InlineData(0x200D, 1)]
    [InlineData(0xE123, 1)]
    [InlineData(0x0378, 0)]
    [InlineData(0x2028, 2)]
    [InlineData(0x3000, 2)]
    [InlineData(0x00BF, 3)]
    [InlineData(0x0301, 4)]
    [InlineData(0x1F600, 0)]
    [InlineData(0x2E43, 0)] // punctuation since Unicode 9: unassigned for the reference's tables
    [InlineData(0x166D, 3)] // a symbol since Unicode 12: punctuation for the reference's tables
    public void Kinds_are_those_of_the_references_tables(int code, int kind) => Assert.Equal((CharacterKind)kind, UnicodeData.Kind(code));

    private static string Decompose(string text)
    {
        var codes = new List<int>();
        foreach (var rune in text.EnumerateRunes())
        {
            UnicodeData.AppendDecomposed(rune.Value, codes);
        }
        UnicodeData.OrderMarks(codes);
        return string.Concat(codes.Select(c => new Rune(c).ToString()));
    }
}

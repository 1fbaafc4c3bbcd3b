using System.Text;
using XClr.Text.Unicode;

namespace XClr.Text;

/// <summary>How a BERT-like model wants its text. StripAccents null: as LowerCase.</summary>
internal sealed record NormalizerOptions(bool CleanText = true, bool SplitChinese = true, bool? StripAccents = null, bool LowerCase = true);

/// <summary>
/// BERT's text normalisation, character for character as the reference does it: control characters deleted and spaces unified, ideographs
/// set apart, accents stripped (decomposed and not recomposed), lower case. Working buffers are kept between calls: one thread at a time.
/// </summary>
internal sealed class TextNormalizer(NormalizerOptions options)
{
    private const int CapitalIWithDot = 0x130;
    private const int DotAbove = 0x307;

    private readonly bool strip = options.StripAccents ?? options.LowerCase;
    private readonly List<int> codes = [];
    private readonly List<int> decomposed = [];
    private char[] output = new char[256];

    /// <summary>Normalises a piece of text; lone surrogates count as U+FFFD. The result is valid until the next call.</summary>
    public ReadOnlySpan<char> Normalize(ReadOnlySpan<char> text)
    {
        if (Ascii.IsValid(text))
        {
            return NormalizeAscii(text);
        }
        this.codes.Clear();
        foreach (var rune in text.EnumerateRunes())
        {
            Clean(rune.Value);
        }
        var codes = strip ? Decompose() : this.codes;
        return Write(codes);
    }

    private ReadOnlySpan<char> NormalizeAscii(ReadOnlySpan<char> text)
    {
        if (output.Length < text.Length)
        {
            output = new char[text.Length * 2];
        }
        var length = 0;
        foreach (var c in text)
        {
            var isSpace = c is ' ' or '\t' or '\n' or '\r';
            if (options.CleanText && (isSpace || c < ' ' || c == 0x7F))
            {
                if (isSpace)
                {
                    output[length++] = ' ';
                }
                continue;
            }
            output[length++] = options.LowerCase && c is >= 'A' and <= 'Z' ? (char)(c + 32) : c;
        }
        return output.AsSpan(0, length);
    }

    private void Clean(int code)
    {
        if (options.CleanText)
        {
            if (code is '\t' or '\n' or '\r')
            {
                codes.Add(' ');
                return;
            }
            if (code == 0xFFFD || UnicodeData.Kind(code) == CharacterKind.Deleted)
            {
                return;
            }
            if (UnicodeData.IsWhiteSpace(code))
            {
                code = ' ';
            }
        }
        var apart = options.SplitChinese && IsChinese(code);
        if (apart)
        {
            codes.Add(' ');
        }
        codes.Add(code);
        if (apart)
        {
            codes.Add(' ');
        }
    }

    private List<int> Decompose()
    {
        decomposed.Clear();
        foreach (var code in codes)
        {
            UnicodeData.AppendDecomposed(code, decomposed);
        }
        UnicodeData.OrderMarks(decomposed);
        decomposed.RemoveAll(code => code >= 0x300 && UnicodeData.Kind(code) == CharacterKind.Mark);
        return decomposed;
    }

    private ReadOnlySpan<char> Write(List<int> codes)
    {
        if (output.Length < codes.Count * 2)
        {
            output = new char[codes.Count * 4];
        }
        var length = 0;
        foreach (var code in codes)
        {
            var lower = options.LowerCase ? UnicodeData.ToLower(code) : code;
            length += new Rune(lower).EncodeToUtf16(output.AsSpan(length));
            // The only letter whose unconditional lower case is two code points; reached where accents are kept.
            if (options.LowerCase && code == CapitalIWithDot)
            {
                output[length++] = (char)DotAbove;
            }
        }
        return output.AsSpan(0, length);
    }

    /// <summary>The reference's own list of ideographs: U+2B820-2B91F is not in it.</summary>
    internal static bool IsChinese(int code) => code is
        >= 0x4E00 and <= 0x9FFF or >= 0x3400 and <= 0x4DBF or >= 0x20000 and <= 0x2A6DF or >= 0x2A700 and <= 0x2B73F or
        >= 0x2B740 and <= 0x2B81F or >= 0x2B920 and <= 0x2CEAF or >= 0xF900 and <= 0xFAFF or >= 0x2F800 and <= 0x2FA1F;
}

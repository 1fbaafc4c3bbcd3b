using System.Text;
using XClr.Text.Unicode;

namespace XClr.Text;

/// <summary>
/// Cuts normalised text into the words WordPiece sees: white space separates, every punctuation mark is a word of its own, and so is
/// every ASCII symbol ($ + &lt; = &gt; ^ ~ | and the backtick). All other symbols, emoji too, stay in their word.
/// </summary>
internal ref struct WordSplitter(ReadOnlySpan<char> text)
{
    private readonly ReadOnlySpan<char> text = text;
    private int next;

    /// <summary>The word MoveNext found.</summary>
    public ReadOnlySpan<char> Word { get; private set; }

    /// <summary>The number of code points in Word.</summary>
    public int CodePoints { get; private set; }

    /// <summary>Moves to the next word; false at the end.</summary>
    public bool MoveNext()
    {
        var begin = next;
        CodePoints = 0;
        while (next < text.Length)
        {
            Rune.DecodeFromUtf16(text[next..], out var rune, out var length);
            var space = UnicodeData.IsWhiteSpace(rune.Value);
            if (!space && !IsPunctuation(rune.Value))
            {
                next += length;
                CodePoints++;
                continue;
            }
            if (CodePoints > 0)
            {
                break;
            }
            next += length;
            if (space)
            {
                begin = next;
                continue;
            }
            CodePoints = 1;
            break;
        }
        Word = text[begin..next];
        return CodePoints > 0;
    }

    internal static bool IsPunctuation(int code) => code < 0x80
        ? code is >= '!' and <= '/' or >= ':' and <= '@' or >= '[' and <= '`' or >= '{' and <= '~'
        : UnicodeData.Kind(code) == CharacterKind.Punctuation;
}

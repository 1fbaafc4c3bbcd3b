using System.Text;
using XClr.Text.Unicode;

namespace XClr.Text;

/// <summary>
/// Cuts normalised text into the words WordPiece sees: white space separates, every punctuation mark is a word of its own, and so is
/// every ASCII symbol ($ + &lt; = &gt; ^ ~ | and the backtick). All other symbols, emoji too, stay in their word.
/// </summary>
internal ref struct WordSplitter(ReadOnlySpan<char> text)
{
    private readonly ReadOnlySpan<char> _text = text;
    private int _next;

    /// <summary>The word MoveNext found.</summary>
    public ReadOnlySpan<char> Word { get; private set; }

    /// <summary>The number of code points in Word.</summary>
    public int CodePoints { get; private set; }

    /// <summary>Moves to the next word; false at the end.</summary>
    public bool MoveNext()
    {
        var begin = _next;
        CodePoints = 0;
        while (_next < _text.Length)
        {
            Rune.DecodeFromUtf16(_text[_next..], out var rune, out var length);
            var space = UnicodeData.IsWhiteSpace(rune.Value);
            if (!space && !IsPunctuation(rune.Value))
            {
                _next += length;
                CodePoints++;
                continue;
            }
            if (CodePoints > 0)
            {
                break;
            }
            _next += length;
            if (space)
            {
                begin = _next;
                continue;
            }
            CodePoints = 1;
            break;
        }
        Word = _text[begin.._next];
        return CodePoints > 0;
    }

    internal static bool IsPunctuation(int code) => code < 0x80
        ? code is >= '!' and <= '/' or >= ':' and <= '@' or >= '[' and <= '`' or >= '{' and <= '~'
        : UnicodeData.Kind(code) == CharacterKind.Punctuation;
}

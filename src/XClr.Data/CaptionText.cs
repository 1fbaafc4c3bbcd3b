using System.Buffers;
using System.Text;

namespace XClr.Data;

/// <summary>Captions as they come from the web, made fit for an encoder and a line of a log.</summary>
public static class CaptionText
{
    /// <summary>
    /// One line: runs of white space and control characters become one space, ends are trimmed, lone surrogates become
    /// U+FFFD. Null where nothing is left.
    /// </summary>
    public static string? Clean(string? text)
    {
        if (string.IsNullOrEmpty(text))
        {
            return null;
        }
        if (IsClean(text))
        {
            return text;
        }
        var line = text.ToCharArray();
        var length = Clean(line.AsSpan());
        return length == 0 ? null : new(line, 0, length);
    }

    /// <summary>The same in place; returns how many characters are left at the front, which are never more than there were.</summary>
    public static int Clean(Span<char> text)
    {
        if (text.IsEmpty || IsClean(text))
        {
            return text.Length;
        }
        var (length, gap) = (0, false);
        for (var at = 0; at < text.Length;)
        {
            var known = Rune.DecodeFromUtf16(text[at..], out var rune, out var consumed) == OperationStatus.Done;
            var letter = text.Slice(at, consumed);
            at += consumed;
            if (known && (Rune.IsWhiteSpace(rune) || Rune.IsControl(rune) || rune.Value == 0xFEFF))
            {
                gap = length > 0;
                continue;
            }
            if (gap)
            {
                text[length++] = ' ';
                gap = false;
            }
            if (known)
            {
                letter.CopyTo(text[length..]);
                length += consumed;
            }
            else
            {
                text[length++] = '\uFFFD';
            }
        }
        return length;
    }

    // Most captions: printable ASCII, single spaces between words.
    private static bool IsClean(ReadOnlySpan<char> text) =>
        !text.ContainsAnyExceptInRange(' ', '~') && text[0] != ' ' && text[^1] != ' ' && !text.Contains("  ", StringComparison.Ordinal);
}

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
        var line = new StringBuilder(text.Length);
        var rest = text.AsSpan();
        var gap = false;
        while (!rest.IsEmpty)
        {
            var known = Rune.DecodeFromUtf16(rest, out var rune, out var consumed) == OperationStatus.Done;
            var letter = rest[..consumed];
            rest = rest[consumed..];
            if (known && (Rune.IsWhiteSpace(rune) || Rune.IsControl(rune) || rune.Value == 0xFEFF))
            {
                gap = line.Length > 0;
                continue;
            }
            if (gap)
            {
                line.Append(' ');
                gap = false;
            }
            line.Append(known ? letter : "\uFFFD");
        }
        return line.Length == 0 ? null : line.ToString();
    }

    // Most captions: printable ASCII, single spaces between words.
    private static bool IsClean(string text) =>
        !text.AsSpan().ContainsAnyExceptInRange(' ', '~') && text[0] != ' ' && text[^1] != ' ' && !text.Contains("  ", StringComparison.Ordinal);

    /// <summary>The same from UTF-8; invalid bytes become U+FFFD.</summary>
    public static string? Clean(ReadOnlySpan<byte> utf8) => Clean(Encoding.UTF8.GetString(utf8));
}

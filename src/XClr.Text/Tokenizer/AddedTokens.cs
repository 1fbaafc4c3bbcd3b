using System.Buffers;
using System.Globalization;
using System.Text;

namespace XClr.Text;

/// <summary>A token matched as it stands, before WordPiece. Normalized: looked for after normalisation, not on the raw text.</summary>
internal sealed record AddedToken(string Content, int Id, bool SingleWord = false, bool Normalized = false);

/// <summary>Finds added tokens in text, case-sensitively and also inside words; the leftmost match wins, then the longest.</summary>
internal sealed class AddedTokens
{
    private readonly AddedToken[] tokens;
    private readonly SearchValues<char> first;

    public AddedTokens(IEnumerable<AddedToken> tokens)
    {
        this.tokens = [.. tokens.Where(t => t.Content.Length > 0).OrderByDescending(t => t.Content.Length)];
        first = SearchValues.Create([.. this.tokens.Select(t => t.Content[0]).Distinct()]);
    }

    public bool IsEmpty => tokens.Length == 0;

    /// <summary>The first token at or after <paramref name="from"/> and where it stands; null where there is none.</summary>
    public AddedToken? Find(ReadOnlySpan<char> text, int from, out int at)
    {
        for (at = from; at < text.Length; at++)
        {
            var skip = text[at..].IndexOfAny(first);
            if (skip < 0)
            {
                break;
            }
            at += skip;
            foreach (var token in tokens)
            {
                if (text[at..].StartsWith(token.Content, StringComparison.Ordinal) && (!token.SingleWord || StandsAlone(text, at, token.Content.Length)))
                {
                    return token;
                }
            }
        }
        at = text.Length;
        return null;
    }

    private static bool StandsAlone(ReadOnlySpan<char> text, int at, int length)
    {
        Rune.DecodeLastFromUtf16(text[..at], out var before, out _);
        Rune.DecodeFromUtf16(text[(at + length)..], out var after, out _);
        return (at == 0 || !IsWordCharacter(before)) && (at + length == text.Length || !IsWordCharacter(after));
    }

    private static bool IsWordCharacter(Rune rune) => Rune.IsLetterOrDigit(rune) || rune.Value == '_' ||
        Rune.GetUnicodeCategory(rune) is UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark;
}

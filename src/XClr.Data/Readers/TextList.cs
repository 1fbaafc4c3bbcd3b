using System.Text;
using System.Text.Json;

namespace XClr.Data.Readers;

/// <summary>Texts one after another in one array of characters, which is used again after <see cref="Clear"/>.</summary>
internal sealed class TextList
{
    // What larger texts needed is not kept.
    private const int MostCharsKept = 1 << 14;
    private const int FewestChars = 256;

    private readonly List<int> ends = [];
    private char[] chars = [];

    /// <summary>Number of texts.</summary>
    public int Count => ends.Count;

    /// <summary>A text, from 0; until it is removed.</summary>
    public ReadOnlySpan<char> this[int index] => chars.AsSpan((index == 0 ? 0 : ends[index - 1])..ends[index]);

    private int Used => ends.Count == 0 ? 0 : ends[^1];

    /// <summary>Removes all of them.</summary>
    public void Clear()
    {
        ends.Clear();
        if (chars.Length > MostCharsKept)
        {
            chars = [];
        }
    }

    /// <summary>Removes all but the first ones.</summary>
    public void Keep(int count) => ends.RemoveRange(count, ends.Count - count);

    /// <summary>Adds a text as it is.</summary>
    public void Add(ReadOnlySpan<char> text)
    {
        text.CopyTo(Room(text.Length));
        ends.Add(Used + text.Length);
    }

    /// <summary>Adds UTF-8 as it is, invalid bytes as U+FFFD.</summary>
    public void Add(ReadOnlySpan<byte> utf8) => ends.Add(Used + Encoding.UTF8.GetChars(utf8, Room(utf8.Length)));

    /// <summary>Adds a caption as <see cref="CaptionText.Clean(Span{char})"/> leaves it; nothing where nothing is left of it.</summary>
    public void AddClean(ReadOnlySpan<byte> utf8)
    {
        var room = Room(utf8.Length);
        AddClean(room[..Encoding.UTF8.GetChars(utf8, room)]);
    }

    /// <summary>The same with the string that a reader stands at; nothing where it stands at something else.</summary>
    /// <exception cref="InvalidOperationException">An escape is half a surrogate pair.</exception>
    public void AddClean(ref Utf8JsonReader json)
    {
        if (json.TokenType != JsonTokenType.String)
        {
            return;
        }
        var room = Room(json.ValueSpan.Length);
        AddClean(room[..json.CopyString(room)]);
    }

    /// <summary>Which text is the same to the character, from 0; -1: none.</summary>
    public int IndexOf(ReadOnlySpan<char> text)
    {
        for (var i = 0; i < Count; i++)
        {
            if (this[i].SequenceEqual(text))
            {
                return i;
            }
        }
        return -1;
    }

    private void AddClean(Span<char> written)
    {
        if (CaptionText.Clean(written) is > 0 and var length)
        {
            ends.Add(Used + length);
        }
    }

    // UTF-8 never has fewer bytes than UTF-16 has units, so that its number of bytes is room enough.
    private Span<char> Room(int length)
    {
        if (Used + length > chars.Length)
        {
            Array.Resize(ref chars, Math.Max(FewestChars, Math.Max(2 * chars.Length, Used + length)));
        }
        return chars.AsSpan(Used);
    }
}

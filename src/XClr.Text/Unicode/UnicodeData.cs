namespace XClr.Text.Unicode;

/// <summary>What a tokenizer has to know of a code point.</summary>
internal enum CharacterKind : byte
{
    Other = 0,
    /// <summary>Cc, Cf, Co.</summary>
    Deleted = 1,
    /// <summary>Zs, Zl, Zp.</summary>
    Space = 2,
    /// <summary>Any P category.</summary>
    Punctuation = 3,
    /// <summary>Mn.</summary>
    Mark = 4,
}

/// <summary>Look-ups in the generated tables. They hold whatever the machine's ICU or invariant mode says.</summary>
internal static class UnicodeData
{
    private const int HangulFirst = 0xAC00;
    private const int HangulCount = 11172;
    private const int VowelsTimesTrails = 588;
    private const int Trails = 28;

    public static CharacterKind Kind(int code)
    {
        var at = FindRange(UnicodeTables.KindFirst, UnicodeTables.KindLast, code);
        return at < 0 ? CharacterKind.Other : (CharacterKind)UnicodeTables.KindValue[at];
    }

    /// <summary>Unicode's White_Space property: the separators, and the control characters that count as space.</summary>
    public static bool IsWhiteSpace(int code) =>
        code is >= 0x09 and <= 0x0D or 0x20 or 0x85 || (code > 0x7F && Kind(code) == CharacterKind.Space);

    /// <summary>Canonical combining class; 0 for starters. No character below U+0300 has another.</summary>
    public static int CombiningClass(int code)
    {
        if (code < 0x300)
        {
            return 0;
        }
        var at = FindRange(UnicodeTables.ClassFirst, UnicodeTables.ClassLast, code);
        return at < 0 ? 0 : UnicodeTables.ClassValue[at];
    }

    /// <summary>Simple lower case of one code point (a final sigma stays what it is); itself where there is none.</summary>
    public static int ToLower(int code)
    {
        if (code < 0x80)
        {
            return code is >= 'A' and <= 'Z' ? code + 32 : code;
        }
        var at = FindRange(UnicodeTables.LowerFirst, UnicodeTables.LowerLast, code);
        if (at < 0)
        {
            return code;
        }
        var everyOther = UnicodeTables.LowerStep[at] == 2;
        return everyOther && (code - UnicodeTables.LowerFirst[at]) % 2 != 0 ? code : code + UnicodeTables.LowerDelta[at];
    }

    /// <summary>Appends the full canonical decomposition of a code point (itself where there is none).</summary>
    public static void AppendDecomposed(int code, List<int> output)
    {
        if (code < 0xC0)
        {
            output.Add(code);
            return;
        }
        var syllable = code - HangulFirst;
        if (syllable is >= 0 and < HangulCount)
        {
            output.Add(0x1100 + syllable / VowelsTimesTrails);
            output.Add(0x1161 + syllable % VowelsTimesTrails / Trails);
            if (syllable % Trails != 0)
            {
                output.Add(0x11A7 + syllable % Trails);
            }
            return;
        }
        var at = UnicodeTables.DecomposedCode.BinarySearch(code);
        if (at < 0)
        {
            output.Add(code);
            return;
        }
        var begin = at == 0 ? 0 : UnicodeTables.DecomposedEnd[at - 1];
        var text = UnicodeTables.DecomposedText[begin..UnicodeTables.DecomposedEnd[at]];
        for (var i = 0; i < text.Length; i++)
        {
            output.Add(char.IsHighSurrogate((char)text[i]) ? char.ConvertToUtf32((char)text[i], (char)text[++i]) : text[i]);
        }
    }

    /// <summary>Sorts each run of combining characters by class, stably: with AppendDecomposed, canonical decomposition.</summary>
    public static void OrderMarks(List<int> codes)
    {
        for (var i = 1; i < codes.Count; i++)
        {
            var code = codes[i];
            var order = CombiningClass(code);
            if (order == 0)
            {
                continue;
            }
            var to = i;
            for (; to > 0 && CombiningClass(codes[to - 1]) > order; to--)
            {
                codes[to] = codes[to - 1];
            }
            codes[to] = code;
        }
    }

    private static int FindRange(ReadOnlySpan<int> first, ReadOnlySpan<int> last, int code)
    {
        var at = first.BinarySearch(code);
        if (at >= 0)
        {
            return at;
        }
        at = ~at - 1;
        return at >= 0 && code <= last[at] ? at : -1;
    }
}

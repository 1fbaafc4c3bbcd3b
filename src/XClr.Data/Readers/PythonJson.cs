namespace XClr.Data.Readers;

/// <summary>What Python's json module writes and no other parser takes: NaN, Infinity and -Infinity.</summary>
internal static class PythonJson
{
    /// <summary>UTF-8 json with null in their places, outside strings; null where it has none of them.</summary>
    public static byte[]? WithNulls(ReadOnlySpan<byte> utf8)
    {
        MemoryStream? json = null;
        var (copied, inString) = (0, false);
        for (var i = 0; i < utf8.Length; i++)
        {
            if (utf8[i] == '"')
            {
                inString = !inString;
            }
            else if (inString)
            {
                // A quote after a backslash ends no string.
                i += utf8[i] == '\\' ? 1 : 0;
            }
            else if (Length(utf8[i..]) is > 0 and var length)
            {
                json ??= new();
                json.Write(utf8[copied..i]);
                json.Write("null"u8);
                copied = i + length;
                i = copied - 1;
            }
        }
        json?.Write(utf8[copied..]);
        return json?.ToArray();
    }

    private static int Length(ReadOnlySpan<byte> at) => at.StartsWith("NaN"u8) ? 3 : at.StartsWith("Infinity"u8) ? 8 : at.StartsWith("-Infinity"u8) ? 9 : 0;
}

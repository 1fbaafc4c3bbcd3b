using System.Globalization;
using System.Text;

namespace XClr.Train;

/// <summary>Texts of option values and messages.</summary>
public static class OptionText
{
    private static readonly (char Unit, long Seconds)[] TimeUnits = [('d', 86400), ('h', 3600), ('m', 60), ('s', 1)];

    /// <summary>How the user called this program: what a script that did it for them says in XCLR_COMMAND, else its name.</summary>
    public static string Command => Environment.GetEnvironmentVariable("XCLR_COMMAND") ?? "xclr";

    /// <summary>A value of an enumeration as options, tables and files write it.</summary>
    public static string LowerName(this Enum value) => value.ToString().ToLowerInvariant();

    /// <summary>Parses 90s, 150m, 2h, 1d or a chain such as 1h30m, above zero; empty text gives null.</summary>
    public static bool TryParseDuration(string text, out TimeSpan? value)
    {
        value = null;
        long seconds = 0, number = -1;
        var nextUnit = 0;
        foreach (var c in text)
        {
            if (char.IsAsciiDigit(c))
            {
                number = Math.Max(0, number) * 10 + (c - '0');
                if (number > 1_000_000_000)
                {
                    return false;
                }
                continue;
            }
            var unit = Array.FindIndex(TimeUnits, nextUnit, u => u.Unit == char.ToLowerInvariant(c));
            if (unit < 0 || number < 0)
            {
                return false;
            }
            seconds += number * TimeUnits[unit].Seconds;
            (number, nextUnit) = (-1, unit + 1);
        }
        if (text.Length == 0)
        {
            return true;
        }
        if (number >= 0 || seconds <= 0)
        {
            return false;
        }
        value = TimeSpan.FromSeconds(seconds);
        return true;
    }

    /// <summary>The text that <see cref="TryParseDuration"/> reads: 2h30m; fractions of a second are cut off.</summary>
    public static string? FormatDuration(TimeSpan? value)
    {
        if (value is not { } time)
        {
            return null;
        }
        var text = new StringBuilder();
        var rest = (long)time.TotalSeconds;
        foreach (var (unit, seconds) in TimeUnits)
        {
            if (rest / seconds is > 0 and var count)
            {
                text.Append(CultureInfo.InvariantCulture, $"{count}{unit}");
            }
            rest %= seconds;
        }
        return text.Length > 0 ? text.ToString() : "0s";
    }

    /// <summary>An enumeration's value by its name, in any case; numbers and lists of names are none.</summary>
    public static bool TryParseName<T>(string text, out T value) where T : struct, Enum =>
        Enum.TryParse(text, ignoreCase: true, out value) && Enum.GetName(value) is { } name && name.Equals(text, StringComparison.OrdinalIgnoreCase);

    /// <summary>An enumeration's names as messages give them: a|b|c.</summary>
    public static string NamesOf<T>() where T : struct, Enum => string.Join('|', Enum.GetNames<T>().Select(n => n.ToLowerInvariant()));

    /// <summary>The candidate with the fewest edits to <paramref name="name"/>; null where none is near.</summary>
    public static string? Nearest(string name, IEnumerable<string> candidates)
    {
        var (best, distance) = candidates.Select(c => (c, Edits(name, c))).DefaultIfEmpty((name, int.MaxValue)).MinBy(p => p.Item2);
        return distance <= Math.Max(2, name.Length / 3) ? best : null;
    }

    /// <summary>" Did you mean 'x'?", or nothing.</summary>
    public static string Suggestion(string name, IEnumerable<string> candidates, string prefix = "") =>
        Nearest(name, candidates) is { } near ? $" Did you mean '{prefix}{near}'?" : "";

    /// <summary>The start of a message on a value that came from a file; nothing for the command line.</summary>
    internal static string Origin(string? source) => source is null ? "" : $"{source}: ";

    /// <summary>Levenshtein's distance: insertions, deletions and replacements.</summary>
    private static int Edits(string a, string b)
    {
        var row = Enumerable.Range(0, b.Length + 1).ToArray();
        for (var i = 1; i <= a.Length; i++)
        {
            var diagonal = row[0];
            row[0] = i;
            for (var j = 1; j <= b.Length; j++)
            {
                var replace = diagonal + (char.ToLowerInvariant(a[i - 1]) == char.ToLowerInvariant(b[j - 1]) ? 0 : 1);
                diagonal = row[j];
                row[j] = Math.Min(replace, Math.Min(row[j], row[j - 1]) + 1);
            }
        }
        return row[b.Length];
    }
}

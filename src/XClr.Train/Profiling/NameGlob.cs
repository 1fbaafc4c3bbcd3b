using System.Text.RegularExpressions;

namespace XClr.Train.Profiling;

/// <summary>A pattern of kernel names: * stands for any characters, ? for one; upper and lower case are the same.</summary>
public sealed class NameGlob
{
    private readonly Regex regex;

    public NameGlob(string pattern)
    {
        Pattern = pattern;
        regex = new Regex($"^{Regex.Escape(pattern).Replace("\\*", ".*", StringComparison.Ordinal).Replace("\\?", ".", StringComparison.Ordinal)}$", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant);
    }

    public string Pattern { get; }

    public bool Matches(string name) => regex.IsMatch(name);

    /// <summary>Throws where none of the names matches.</summary>
    /// <param name="option">Option that the pattern is of, without dashes.</param>
    /// <param name="names">Names that there are.</param>
    /// <exception cref="UsageException">None does; the message lists them.</exception>
    public void RequireSome(string option, IEnumerable<string> names)
    {
        var known = names.Distinct().Order(StringComparer.Ordinal).ToList();
        if (!known.Exists(Matches))
        {
            throw new UsageException($"--{option} {Pattern}: no kernel of this plan has such a name.{OptionText.Suggestion(Pattern, known)} There are: {string.Join(", ", known)}.");
        }
    }
}

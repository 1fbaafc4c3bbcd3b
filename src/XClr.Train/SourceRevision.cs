using System.Reflection;

namespace XClr.Train;

/// <summary>Which source this program was built from. The SDK writes the commit of the working folder into the assembly when it builds; nothing is asked of git at run time.</summary>
public static class SourceRevision
{
    /// <summary>The commit, 40 hex digits (changes that were not committed do not show); null where the build knew of none, as in an unpacked archive.</summary>
    public static string? Commit { get; } = Parse(typeof(SourceRevision).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion);

    /// <summary>The revision of an informational version such as 0.1.0+4ac1...: what follows the plus sign.</summary>
    internal static string? Parse(string? version) => version?.Split('+') is [_, { Length: > 0 } revision] ? revision : null;
}

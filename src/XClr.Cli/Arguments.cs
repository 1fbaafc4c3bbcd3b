using System.Reflection;
using CommandLine;
using XClr.Train;

namespace XClr.Cli;

/// <summary>
/// The command line before CommandLineParser reads it, which would drop a last option that lacks its value. The table's switches have values (`--nesterov false` takes back what a
/// recipe says), and may do without: a bare `--nesterov` means true.
/// </summary>
internal static class Arguments
{
    /// <summary>The arguments with `true` after each bare switch of the table; where --help is among a verb's, it alone.</summary>
    /// <exception cref="UsageException">An option lacks its value, or an argument is empty; an option of the table may be: then it is unset.</exception>
    public static IReadOnlyList<string> Complete(IReadOnlyList<string> args, IReadOnlyList<Type> verbs)
    {
        if (args.Count == 0 || verbs.FirstOrDefault(v => NameOf(v) == args[0]) is not { } verb)
            return args;
        if (args.Contains("--help"))
            return [args[0], "--help"];
        IReadOnlyList<TrainOption> table = verb.IsSubclassOf(typeof(OptionTableCommand)) ? [.. OptionTableType.OptionsOf(verb)] : [];
        var switches = table.Where(o => o.Form == OptionForm.Switch).Select(o => "--" + o.Name).ToHashSet();
        var mayBeEmpty = table.Select(o => "--" + o.Name).ToHashSet();
        var withValues = OptionsOf(verb).Where(o => o.Type != typeof(bool)).Select(o => "--" + o.Name).ToHashSet();
        var complete = new List<string>();
        for (var i = 0; i < args.Count; i++)
        {
            complete.Add(args[i]);
            if (EmptyOf(args, i) is { } empty && !mayBeEmpty.Contains(empty))
                throw new UsageException(withValues.Contains(empty) ? $"{empty} needs a value, and an empty one was given (a variable that is not set?)." : "An argument is empty (a variable that is not set?).");
            if (i + 1 < args.Count && !args[i + 1].StartsWith("--", StringComparison.Ordinal))
                continue;
            if (switches.Contains(args[i]))
                complete.Add("true");
            else if (withValues.Contains(args[i]))
                throw new UsageException($"{args[i]} needs a value.");
        }
        return complete;
    }

    // Whose value is empty, as "--out ''" or "--out=": what stands before it; null: nobody's.
    private static string? EmptyOf(IReadOnlyList<string> args, int i) =>
        args[i].Length == 0 ? args[i - 1] : args[i].StartsWith("--", StringComparison.Ordinal) && args[i].EndsWith('=') ? args[i][..^1] : null;

    /// <summary>A verb's name.</summary>
    public static string NameOf(Type verb) => verb.GetCustomAttribute<VerbAttribute>(inherit: true)!.Name;

    /// <summary>A verb's options, without dashes, and the types of their values.</summary>
    public static IEnumerable<(string Name, Type Type)> OptionsOf(Type verb) =>
        verb.GetProperties().SelectMany(p => p.GetCustomAttributes<OptionAttribute>(inherit: true).Select(o => (o.LongName, p.PropertyType)));

    /// <summary>What was given for an option, by its name without dashes.</summary>
    public static string ValueOf(IReadOnlyList<string> args, string name) =>
        args.FirstOrDefault(a => a.StartsWith($"--{name}=", StringComparison.Ordinal))?[(name.Length + 3)..] ?? args.SkipWhile(a => a != $"--{name}").ElementAtOrDefault(1) ?? "";

    /// <summary>What an option of a type takes, in words.</summary>
    public static string Allowed(Type type) => (Nullable.GetUnderlyingType(type) ?? type) switch
    {
        var t when t == typeof(int) => $"a whole number up to {int.MaxValue}",
        var t when t == typeof(long) => "a whole number",
        _ => "a number",
    };
}

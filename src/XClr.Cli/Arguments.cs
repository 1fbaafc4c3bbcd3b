using System.Globalization;
using System.Reflection;
using CommandLine;
using XClr.Train;

namespace XClr.Cli;

/// <summary>
/// The command line before CommandLineParser reads it, which would drop a last option that lacks its value and arguments that belong to none, and take the comma of 0,5 for one between thousands. The table's switches have values
/// (`--nesterov false` takes back what a recipe says), and may do without: a bare `--nesterov` means true.
/// </summary>
internal static class Arguments
{
    private static readonly string[] Help = ["--help", "-h", "-?"];

    /// <summary>The arguments with `true` after each bare switch of the table; where --help (or -h) is among a verb's, it alone.</summary>
    /// <exception cref="UsageException">An option lacks its value, a number is none, an argument belongs to no option, or is empty; one of the table may be where a recipe or a file is given: then it is unset.</exception>
    public static IReadOnlyList<string> Complete(IReadOnlyList<string> args, IReadOnlyList<Type> verbs)
    {
        if (args.Count == 0 || verbs.FirstOrDefault(v => NameOf(v) == args[0]) is not { } verb)
        {
            return args;
        }
        if (args.Intersect(Help).Any())
        {
            return [args[0], "--help"];
        }
        IReadOnlyList<TrainOption> table = verb.IsSubclassOf(typeof(OptionTableCommand)) ? [.. OptionTableType.OptionsOf(verb)] : [];
        var switches = table.Where(o => o.Form == OptionForm.Switch).Select(o => o.Name).ToHashSet();
        // An empty value takes back what a recipe or a file says.
        var mayBeEmpty = args.Any(a => a.Split('=')[0] is "--recipe" or "--config") ? table.Select(o => o.Name).ToHashSet() : [];
        var types = OptionsOf(verb).ToDictionary(o => o.Name, o => o.Type);
        var (complete, places, isKnown) = (new List<string> { args[0] }, Places(verb), true);
        for (var i = 1; i < args.Count; i++)
        {
            if (!args[i].StartsWith("--", StringComparison.Ordinal) || args[i] == "--")
            {
                Require(args[i].Length > 0, "An argument is empty (a variable that is not set?).");
                Require(args[i] != "--" && (args[i][0] == '-' || !isKnown || places-- > 0), $"'{args[i]}' belongs to no option of '{args[0]}'; a pattern such as 'train-*.tar' stands in quotes, or the shell puts several names in its place.");
                complete.Add(args[i]);
                continue;
            }
            var (name, value) = args[i].Split('=', 2) is [var before, var after] ? (before[2..], after) : (args[i][2..], null);
            if (!types.TryGetValue(name, out var type) || type == typeof(bool))
            {
                // What is unknown, the parser says, and so what stands behind it is no matter.
                isKnown &= type is not null;
                complete.Add(args[i]);
                continue;
            }
            if (value is null && i + 1 < args.Count && !args[i + 1].StartsWith("--", StringComparison.Ordinal))
            {
                value = args[++i];
            }
            value ??= switches.Contains(name) ? "true" : throw new UsageException($"--{name} needs a value.");
            Require(value.Length > 0 || mayBeEmpty.Contains(name), $"--{name} needs a value, and an empty one was given (a variable that is not set?).");
            Require(!IsFraction(type) || double.TryParse(value, NumberStyles.Float, CultureInfo.InvariantCulture, out _), $"--{name} '{value}': allowed: a number, such as 0.5.");
            // Joined where it begins with a dash, lest it is taken for an option.
            complete.AddRange(value.StartsWith('-') ? [$"--{name}={value}"] : [$"--{name}", value]);
        }
        return complete;
    }

    // How many arguments without an option a verb has places for.
    private static int Places(Type verb)
    {
        var places = verb.GetProperties().Where(p => p.IsDefined(typeof(ValueAttribute), inherit: true)).ToList();
        return places.Exists(p => p.PropertyType != typeof(string)) ? int.MaxValue : places.Count;
    }

    private static bool IsFraction(Type type) => (Nullable.GetUnderlyingType(type) ?? type) is var t && (t == typeof(double) || t == typeof(float));

    private static void Require(bool holds, string message)
    {
        if (!holds)
        {
            throw new UsageException(message);
        }
    }

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

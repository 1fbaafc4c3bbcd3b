using System.Reflection;
using CommandLine;
using CommandLine.Text;
using XClr.Train;

namespace XClr.Cli;

/// <summary>Parses the command line, runs the verb, and turns failures into messages on standard error and exit codes.</summary>
public static class VerbRunner
{
    /// <summary>Set to 1, failures show their stack traces.</summary>
    public const string DebugVariable = "XCLR_DEBUG";

    private const string Program = "xclr";

    /// <summary>Runs the verb that the arguments name. Returns the exit code.</summary>
    public static int Run(IReadOnlyList<string> args, params Type[] verbs)
    {
        // The work matters more than its messages: of those that are lost nobody is told. Results are what was asked for.
        Console.SetError(new GuardedWriter(Console.Error, _ => { }));
        Console.SetOut(new GuardedWriter(Console.Out, e => throw new IOException($"The results cannot be written to standard output: {e.Message.TrimEnd('.')}.", e)));
        try
        {
            var types = verbs.Select(OptionTableType.Extend).ToArray();
            using var parser = new Parser(s =>
            {
                s.HelpWriter = null;
                s.AutoVersion = true;
                s.MaximumDisplayWidth = 120;
            });
            var result = parser.ParseArguments(Arguments.Complete(args, types), types);
            return result is Parsed<object> { Value: Command command } ? command.Run() : NotParsed((NotParsed<object>)result, verbs, args);
        }
        catch (Exception e)
        {
            return Failed(e);
        }
    }

    private static int Failed(Exception e)
    {
        var code = ExitCode.Of(e);
        var cause = e is AggregateException { InnerExceptions: [var only] } ? only : e;
        var message = code switch
        {
            ExitCode.Unexpected => $"unexpected {cause.GetType().Name}: {cause.Message}",
            ExitCode.Interrupted => "interrupted",
            _ => cause.Message,
        };
        Console.Error.WriteLine($"{Program}: {message}");
        if (Environment.GetEnvironmentVariable(DebugVariable) == "1")
        {
            Console.Error.WriteLine(e);
        }
        else if (code == ExitCode.Unexpected)
        {
            Console.Error.WriteLine($"{Program}: {DebugVariable}=1 shows where it happened.");
        }
        return code;
    }

    private static int NotParsed(NotParsed<object> result, Type[] verbs, IReadOnlyList<string> args)
    {
        var errors = result.Errors.ToList();
        if (errors.Exists(e => e is VersionRequestedError))
        {
            Console.Out.WriteLine($"{Program} {typeof(VerbRunner).Assembly.GetName().Version?.ToString(3)}");
            return ExitCode.Success;
        }
        if (errors.Exists(e => e is HelpRequestedError or HelpVerbRequestedError))
        {
            Console.Out.WriteLine(Help(result));
            return ExitCode.Success;
        }
        foreach (var error in errors)
        {
            Console.Error.WriteLine($"{Program}: {Describe(error, result.TypeInfo.Current, verbs, args)}");
        }
        var verb = Attribute.IsDefined(result.TypeInfo.Current, typeof(VerbAttribute), inherit: true) ? " " + Arguments.NameOf(result.TypeInfo.Current) : "";
        Console.Error.WriteLine($"{Program}: '{Program}{verb} --help' lists what there is.");
        return ExitCode.Usage;
    }

    private static HelpText Help(NotParsed<object> result) => HelpText.AutoBuild(result, h =>
    {
        h.Heading = $"{Program}: trains ResNets with X-CLR on any Vulkan device";
        h.Copyright = "";
        h.AddNewLineBetweenHelpSections = false;
        h.AdditionalNewLineAfterOption = false;
        h.AddDashesToOption = true;
        h.MaximumDisplayWidth = 120;
        h.AutoVersion = false;
        return h;
    }, e => e, verbsIndex: true);

    private static string Describe(Error error, Type verb, Type[] verbs, IReadOnlyList<string> args)
    {
        var verbNames = verbs.Select(Arguments.NameOf).ToList();
        return error switch
        {
            NoVerbSelectedError => $"no verb is given; there are: {string.Join(", ", verbNames)}.",
            BadVerbSelectedError e => $"there is no verb '{e.Token}'; there are: {string.Join(", ", verbNames)}.{OptionText.Suggestion(e.Token, verbNames)}",
            UnknownOptionError e => $"there is no option '--{e.Token}'.{OptionText.Suggestion(e.Token, Arguments.OptionsOf(verb).Select(o => o.Name), "--")}",
            MissingValueOptionError e => $"--{e.NameInfo.LongName} needs a value.",
            MissingRequiredOptionError { NameInfo.LongName: { Length: > 0 } name } => $"--{name} is missing.",
            MissingRequiredOptionError or SequenceOutOfRangeError { NameInfo.LongName: "" } => MissingArgument(verb),
            RepeatedOptionError e => $"--{e.NameInfo.LongName} is given more than once.",
            BadFormatConversionError { NameInfo.LongName: { Length: > 0 } name } => $"--{name} '{Arguments.ValueOf(args, name)}' is not accepted; allowed: {Arguments.Allowed(Arguments.OptionsOf(verb).First(o => o.Name == name).Type)}.",
            BadFormatTokenError e => $"'{e.Token}' is no argument.",
            NamedError e => $"--{e.NameInfo.LongName}: {e.Tag}.",
            TokenError e => $"'{e.Token}': {e.Tag}.",
            _ => error.Tag.ToString(),
        };
    }

    private static string MissingArgument(Type verb)
    {
        var argument = verb.GetProperties().Select(p => p.GetCustomAttribute<ValueAttribute>()).First(v => v is not null)!;
        return $"{argument.MetaName} is missing: {argument.HelpText}";
    }
}

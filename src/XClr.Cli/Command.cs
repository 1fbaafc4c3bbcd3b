using CommandLine;
using XClr.Train;

namespace XClr.Cli;

/// <summary>A verb: CommandLineParser fills the options, then it runs.</summary>
public abstract class Command
{
    [Option("json", HelpText = "Print the results as one JSON object on standard output.")]
    public bool Json { get; set; }

    /// <summary>Does the work. Results go to standard output, everything else to standard error.</summary>
    /// <returns>The process's exit code.</returns>
    public abstract int Run();

    /// <summary>Checks a value of the command line.</summary>
    /// <exception cref="UsageException">It is not accepted.</exception>
    protected static void Require(bool holds, string message)
    {
        if (!holds)
            throw new UsageException(message);
    }
}

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

    /// <summary>An option's value among the names of an enumeration, in any case. more: what else is allowed, after a bar.</summary>
    /// <exception cref="UsageException">It is none of them: the message gives those that are allowed.</exception>
    protected static T Name<T>(string option, string text, string more = "") where T : struct, Enum
    {
        Require(OptionText.TryParseName<T>(text, out var value), $"{option} '{text}' is not accepted; allowed: {OptionText.NamesOf<T>()}{more}.");
        return value;
    }

    /// <summary>Checks a whole number; null = not given.</summary>
    /// <exception cref="UsageException">It is less.</exception>
    protected static void RequireAtLeast(string option, long? value, int least) =>
        Require(value is null || value >= least, $"{option} {value}: allowed: a whole number from {least} up.");

    /// <summary>Checks --rows of what is timed or tuned: a step has two views of each sample.</summary>
    /// <exception cref="UsageException">So many rows cannot be.</exception>
    protected static void RequireRows(BenchTarget target, int rows) =>
        Require(rows >= 1 && (target == BenchTarget.Forward || (rows >= 4 && rows % 2 == 0)), $"--rows {rows}: allowed: a whole number from 1 up; for a step an even one from 4 up.");

    /// <summary>Checks that the folder of a file to be written exists and can be written to, that the file is no folder, and none that is read: before the work, which may take long.</summary>
    /// <exception cref="UsageException">It does not, or it is.</exception>
    protected static void RequireOutput(string option, string? file, params IEnumerable<(string Option, string? File)> inputs)
    {
        Require(file is null || Directory.Exists(Path.GetDirectoryName(Path.GetFullPath(file))), $"{option} {file}: its folder does not exist; make it first.");
        Require(!Directory.Exists(file), $"{option} {file}: is a folder; name a file in it.");
        foreach (var (input, read) in inputs.Where(i => file is not null && i.File is not null && Path.GetFullPath(i.File) == Path.GetFullPath(file)))
        {
            throw new UsageException($"{option} {file}: is what {input} reads; name another file.");
        }
        // Into what is there already, such as /dev/stdout, something may be written that cannot be made beside it.
        if (file is not null && !File.Exists(file))
        {
            RequireWritable(option, file);
        }
    }

    private static void RequireWritable(string option, string file)
    {
        try
        {
            new FileStream($"{file}.{Environment.ProcessId}.tmp", FileMode.Create, FileAccess.Write, FileShare.None, bufferSize: 0, FileOptions.DeleteOnClose).Dispose();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UsageException($"{option} {file}: cannot be written: {e.Message}");
        }
    }

    /// <summary>Refuses options that mean nothing here; why: where they belong.</summary>
    /// <exception cref="UsageException">One is given.</exception>
    protected static void RequireUnused(string why, params IEnumerable<(string Option, bool Given)> options)
    {
        var given = string.Join(", ", options.Where(o => o.Given).Select(o => o.Option));
        Require(given.Length == 0, $"{given}: {why}");
    }

    /// <summary>Checks a value of the command line.</summary>
    /// <exception cref="UsageException">It is not accepted.</exception>
    protected static void Require(bool holds, string message)
    {
        if (!holds)
        {
            throw new UsageException(message);
        }
    }
}

using System.Diagnostics;

namespace XClr.Cli.Tests;

/// <summary>Runs the built program, which lies beside the tests, and the repository's script.</summary>
internal static class CliProcess
{
    public static string Program { get; } = Path.Combine(AppContext.BaseDirectory, "xclr");

    public static string Script { get; } = Path.Combine(Repository.Root, "xclr");

    /// <summary>Runs the program.</summary>
    public static ProgramResult Run(params string[] args) => Start(Program, args).Result();

    /// <summary>Runs a program in a folder with additional environment variables (null removes one).</summary>
    public static ProgramResult Run(string program, string[] args, string? folder = null, IReadOnlyDictionary<string, string?>? environment = null) =>
        Start(program, args, folder, environment).Result();

    /// <summary>Starts a program whose output is read in the background.</summary>
    public static RunningProgram Start(string program, string[] args, string? folder = null, IReadOnlyDictionary<string, string?>? environment = null)
    {
        var info = new ProcessStartInfo(program, args) { WorkingDirectory = folder ?? Path.GetTempPath() };
        // The test host's own settings for MSBuild and .NET must not reach what a user would start without them.
        foreach (var name in info.Environment.Keys.Where(k => k.StartsWith("MSBUILD", StringComparison.OrdinalIgnoreCase) || k.StartsWith("VSTEST", StringComparison.Ordinal)).ToList())
        {
            info.Environment.Remove(name);
        }
        foreach (var (name, value) in environment ?? new Dictionary<string, string?>())
        {
            info.Environment[name] = value;
        }
        return Programs.Start(info);
    }
}

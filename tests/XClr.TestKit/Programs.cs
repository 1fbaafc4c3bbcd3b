using System.Diagnostics;

namespace XClr.TestKit;

/// <summary>Other programs that tests run.</summary>
public static class Programs
{
    /// <summary>Runs a program to its end; an exit code other than 0 fails the test with all that it said. Returns its standard output.</summary>
    public static string Run(string program, params string[] args) => Run(new ProcessStartInfo(program, args));

    /// <inheritdoc cref="Run(string, string[])"/>
    public static string Run(ProcessStartInfo info) => Start(info).Result(Timeout.InfiniteTimeSpan).Expect(0).Output;

    /// <summary>Starts a program without input, whose output is read in the background.</summary>
    public static RunningProgram Start(ProcessStartInfo info)
    {
        info.RedirectStandardOutput = info.RedirectStandardError = info.RedirectStandardInput = true;
        return new RunningProgram(Process.Start(info)!);
    }
}

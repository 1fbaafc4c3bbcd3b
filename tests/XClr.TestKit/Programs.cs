using System.Diagnostics;
using Xunit;

namespace XClr.TestKit;

/// <summary>Other programs that tests run.</summary>
public static class Programs
{
    /// <summary>Runs a program to its end; an exit code other than 0 fails the test with all that it said. Returns its standard output.</summary>
    public static string Run(string program, params string[] args) => Run(new ProcessStartInfo(program, args));

    /// <inheritdoc cref="Run(string, string[])"/>
    public static string Run(ProcessStartInfo info)
    {
        info.RedirectStandardOutput = info.RedirectStandardError = true;
        using var process = Process.Start(info)!;
        var (output, errors) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, $"{info.FileName} {string.Join(' ', info.ArgumentList)}: exit code {process.ExitCode}\n{output.Result}{errors.Result}");
        return output.Result;
    }
}

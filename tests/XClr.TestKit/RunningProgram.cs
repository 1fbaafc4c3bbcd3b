using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using Xunit;

namespace XClr.TestKit;

/// <summary>What a program said and returned.</summary>
public sealed record ProgramResult(string Command, int ExitCode, string Output, string Errors)
{
    public JsonElement Json => JsonDocument.Parse(Output).RootElement;

    /// <summary>Fails the test, with everything that was said, unless the exit code is this one.</summary>
    public ProgramResult Expect(int code)
    {
        Assert.True(ExitCode == code, $"{Command}: exit code {ExitCode}, expected {code}\nstdout: {Output}\nstderr: {Errors}");
        return this;
    }
}

/// <summary>A program that <see cref="Programs.Start"/> started.</summary>
public sealed partial class RunningProgram
{
    /// <summary>Signals by their numbers on Linux.</summary>
    public const int SigUsr1 = 10, SigUsr2 = 12, SigTerm = 15;

    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(10);

    private readonly Task<string> output;
    private readonly StringBuilder errors = new();

    internal RunningProgram(Process process)
    {
        Process = process;
        process.StandardInput.Close();
        output = process.StandardOutput.ReadToEndAsync();
        process.ErrorDataReceived += (_, line) =>
        {
            if (line.Data is null)
            {
                return; // the end
            }
            lock (errors)
            {
                errors.Append(line.Data).Append('\n');
            }
        };
        process.BeginErrorReadLine();
    }

    public Process Process { get; }

    private string Command => $"{Process.StartInfo.FileName} {string.Join(' ', Process.StartInfo.ArgumentList)}";

    /// <summary>Waits until the program has said this on standard error; false where it ends, or five minutes pass, before that.</summary>
    public bool Says(string text) =>
        SpinWait.SpinUntil(() => Process.HasExited || Errors().Contains(text, StringComparison.Ordinal), TimeSpan.FromMinutes(5)) && Errors().Contains(text, StringComparison.Ordinal);

    /// <summary>Asks the program to end, as a user or a scheduler does.</summary>
    public void Terminate() => Signal(SigTerm);

    /// <summary>Sends the program a signal.</summary>
    public void Signal(int number) => Assert.Equal(0, Kill(Process.Id, number));

    /// <summary>Waits for the end; a program that takes too long (10 minutes unless said) is killed and fails the test.</summary>
    public ProgramResult Result(TimeSpan? limit = null)
    {
        if (!Process.WaitForExit(limit ?? Limit))
        {
            Process.Kill(entireProcessTree: true);
            Assert.Fail($"{Command} took longer than {limit ?? Limit}");
        }
        Process.WaitForExit(); // for the end of standard error
        return new ProgramResult(Command, Process.ExitCode, output.Result, Errors());
    }

    private string Errors()
    {
        lock (errors)
        {
            return errors.ToString();
        }
    }

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Kill(int process, int signal);
}

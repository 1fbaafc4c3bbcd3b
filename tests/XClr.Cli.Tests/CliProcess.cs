using System.Diagnostics;
using System.Text;
using System.Text.Json;
using Xunit;
using XClr.TestKit;

namespace XClr.Cli.Tests;

/// <summary>What a process said and returned.</summary>
internal sealed record CliResult(int ExitCode, string Output, string Errors)
{
    public JsonElement Json => JsonDocument.Parse(Output).RootElement;

    /// <summary>Fails the test, with everything that was said, unless the exit code is this one.</summary>
    public CliResult Expect(int code)
    {
        Assert.True(ExitCode == code, $"exit code {ExitCode}, expected {code}\nstdout: {Output}\nstderr: {Errors}");
        return this;
    }
}

/// <summary>Runs the built program, which lies beside the tests, and the repository's script.</summary>
internal static class CliProcess
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(10);

    public static string Program { get; } = Path.Combine(AppContext.BaseDirectory, "xclr");

    public static string Script { get; } = Path.Combine(Repository.Root, "xclr");

    /// <summary>Runs the program.</summary>
    public static CliResult Run(params string[] args) => Start(Program, args).Result();

    /// <summary>Runs a program in a folder with additional environment variables (null removes one).</summary>
    public static CliResult Run(string program, string[] args, string? folder = null, IReadOnlyDictionary<string, string?>? environment = null) =>
        Start(program, args, folder, environment).Result();

    /// <summary>Starts a program whose output is read in the background.</summary>
    public static Running Start(string program, string[] args, string? folder = null, IReadOnlyDictionary<string, string?>? environment = null)
    {
        var info = new ProcessStartInfo(program, args)
        {
            WorkingDirectory = folder ?? Path.GetTempPath(),
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
        };
        // The test host's own settings for MSBuild and .NET must not reach what a user would start without them.
        foreach (var name in info.Environment.Keys.Where(k => k.StartsWith("MSBUILD", StringComparison.OrdinalIgnoreCase) || k.StartsWith("VSTEST", StringComparison.Ordinal)).ToList())
        {
            info.Environment.Remove(name);
        }
        foreach (var (name, value) in environment ?? new Dictionary<string, string?>())
        {
            info.Environment[name] = value;
        }
        return new Running(Process.Start(info)!);
    }

    /// <summary>A process that was started.</summary>
    public sealed class Running
    {
        private readonly Task<string> output;
        private readonly StringBuilder errors = new();

        public Running(Process process)
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

        /// <summary>Waits until the process has said this on standard error; false where it ends, or five minutes pass, before that.</summary>
        public bool Says(string text) =>
            SpinWait.SpinUntil(() => Process.HasExited || Errors().Contains(text, StringComparison.Ordinal), TimeSpan.FromMinutes(5)) && Errors().Contains(text, StringComparison.Ordinal);

        /// <summary>Waits for the end; a process that takes too long is killed and fails the test.</summary>
        public CliResult Result(TimeSpan? limit = null)
        {
            if (!Process.WaitForExit(limit ?? Limit))
            {
                Process.Kill(entireProcessTree: true);
                Assert.Fail($"{Process.StartInfo.FileName} {string.Join(' ', Process.StartInfo.ArgumentList)} took longer than {limit ?? Limit}");
            }
            Process.WaitForExit(); // for the end of standard error
            return new CliResult(Process.ExitCode, output.Result, Errors());
        }

        private string Errors()
        {
            lock (errors)
            {
                return errors.ToString();
            }
        }
    }
}

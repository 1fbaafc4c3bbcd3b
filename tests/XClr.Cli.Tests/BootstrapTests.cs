using System.Runtime.Versioning;

namespace XClr.Cli.Tests;

/// <summary>./xclr: what it installs, and that it passes folder and exit code on.</summary>
[UnsupportedOSPlatform("windows")]
public sealed class BootstrapTests : IDisposable
{
    private readonly TempFolder folder = new();

    public void Dispose() => folder.Dispose();

    /// <summary>A PATH with the tools that the script itself calls, without cmake, apt-get, dotnet and id unless given here.</summary>
    private Dictionary<string, string?> Path(params (string Name, string Script)[] tools)
    {
        var bin = folder.File("bin");
        Directory.CreateDirectory(bin);
        foreach (var tool in new[] { "bash", "env", "dirname", "readlink", "find", "cat", "mkdir", "gcc", "make", "pkg-config", "glslc" })
        {
            File.CreateSymbolicLink(System.IO.Path.Combine(bin, tool), tool is "bash" or "env" ? $"/usr/bin/{tool}" : Where(tool));
        }
        foreach (var (name, script) in tools)
        {
            var path = System.IO.Path.Combine(bin, name);
            File.WriteAllText(path, "#!/bin/bash\n" + script + "\n");
            File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
        return new() { ["PATH"] = bin };
    }

    private static string Where(string tool) =>
        Environment.GetEnvironmentVariable("PATH")!.Split(':').Select(f => System.IO.Path.Combine(f, tool)).FirstOrDefault(File.Exists)
        ?? throw new InvalidOperationException($"{tool} is not on the PATH.");

    [Fact]
    public void Without_root_the_one_command_is_printed()
    {
        var environment = Path(("id", "echo 1000"), ("apt-get", "exit 9"));
        var result = CliProcess.Run(CliProcess.Script, ["devices"], environment: environment).Expect(2);
        Assert.Contains("\nsudo apt-get update && sudo apt-get install -y --no-install-recommends cmake\n", result.Errors);
        Assert.Empty(result.Output);
    }

    [Fact]
    public void As_root_packages_are_installed_and_lists_fetched_only_when_needed()
    {
        var log = folder.File("log");
        // The first installation fails as it does without package lists; after an update it "installs" cmake.
        var apt = $"""echo "$DEBIAN_FRONTEND $*" >>{log}; case "$*" in *update) touch {log}.updated ;; *) [ -e {log}.updated ] ;; esac""";
        var environment = Path(("id", "echo 0"), ("apt-get", apt), ("touch", """: >"$1" """));
        var result = CliProcess.Run(CliProcess.Script, ["devices"], environment: environment).Expect(2);
        Assert.Contains("installing from Debian: cmake", result.Errors);
        Assert.Contains("the .NET 10 SDK is missing", result.Errors);
        string[] calls = File.ReadAllLines(log);
        Assert.Equal(3, calls.Length);
        Assert.All(calls, c => Assert.StartsWith("noninteractive ", c));
        Assert.EndsWith("install -y --no-install-recommends cmake", calls[0]);
        Assert.EndsWith(" update", calls[1]);
        Assert.Equal(calls[0], calls[2]);
    }

    [Fact]
    public void The_callers_folder_and_the_exit_code_are_kept()
    {
        folder.File("here.txt", "a dog\n");
        var made = CliProcess.Run(CliProcess.Script, ["embed-text", "--captions", "here.txt", "--out", "out.safetensors"], folder.Path).Expect(0);
        Assert.Contains("embeddings [1,128]", made.Output);
        Assert.True(File.Exists(folder.File("out.safetensors")));
        CliProcess.Run(CliProcess.Script, ["inspect", "gone.tar"], folder.Path).Expect(3);
        CliProcess.Run(CliProcess.Script, ["devices", "--nonsense"], folder.Path).Expect(2);
    }

    /// <summary>What keeps the script's own time low: where nothing changed, neither .NET's SDK nor CMake is started.</summary>
    [Fact]
    public void An_unchanged_tree_starts_no_build()
    {
        CliProcess.Run(CliProcess.Script, ["--version"]).Expect(0);
        var log = folder.File("log");
        var home = System.IO.Path.GetDirectoryName(System.IO.Path.GetFullPath(System.IO.Path.Combine(System.Runtime.InteropServices.RuntimeEnvironment.GetRuntimeDirectory(), "..", "..")))!;
        var environment = Path(("dotnet", $"echo dotnet >>{log}; exit 9"), ("cmake", $"echo cmake >>{log}; exit 9"));
        environment["DOTNET_ROOT"] = home;
        var version = CliProcess.Run(CliProcess.Script, ["--version"], environment: environment).Expect(0);
        Assert.NotEmpty(version.Output + version.Errors);
        Assert.False(File.Exists(log));
    }
}

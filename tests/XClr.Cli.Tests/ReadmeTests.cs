namespace XClr.Cli.Tests;

/// <summary>README's commands are run as they stand there; two are known to be special: the tests themselves, and the demo, which is made short.</summary>
public sealed class ReadmeTests
{
    private const string Fence = "```";

    private static IEnumerable<string> Commands()
    {
        var inside = false;
        foreach (var line in File.ReadLines(Path.Combine(Repository.Root, "README.md")))
        {
            if (line.StartsWith(Fence, StringComparison.Ordinal))
            {
                inside = line == Fence + "sh";
            }
            else if (inside && line.Length > 0)
            {
                yield return line;
            }
        }
    }

    [Fact]
    public void The_two_main_commands_are_there()
    {
        var commands = Commands().ToList();
        Assert.Contains("./xclr demo", commands);
        Assert.Contains("./xclr test", commands);
    }

    [SkippableFact]
    public void Every_command_runs()
    {
        Skip.IfNot(Directory.Exists("/usr/share/datasets/fashion-mnist"), "dataset-fashion-mnist is not installed");
        using var folder = new TempFolder();
        foreach (var command in Commands().Where(c => c != "./xclr test"))
        {
            var shortened = command == "./xclr demo"
                ? $"{command} --steps 2 --arch resnet18 --width 0.0625 --batch-size 8 --run-dir {folder.File("run")}"
                : command;
            var result = CliProcess.Run("bash", ["-c", shortened], Repository.Root).Expect(0);
            Assert.NotEmpty(result.Output);
            if (command == "./xclr demo")
            {
                Assert.Matches("k-NN top-1 accuracy +0\\.[0-9]+ +0\\.[0-9]+", result.Output);
            }
        }
    }
}

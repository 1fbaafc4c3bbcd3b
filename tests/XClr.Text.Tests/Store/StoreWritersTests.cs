using System.Diagnostics;

namespace XClr.Text.Tests;

/// <summary>Several writers, in one process and in two, killed or out of space.</summary>
public class StoreWritersTests
{
    private const int D = Program.Dimension;

    private static void AssertHolds(EmbeddingStore store, string name, int batches, int batch)
    {
        var row = new float[D];
        for (var i = 0; i < batches; i++)
        {
            var captions = Program.Captions(name, i, batch);
            var rows = Program.Rows(captions, D);
            for (var j = 0; j < batch; j++)
            {
                Assert.True(store.TryGet(captions[j], row), captions[j]);
                Assert.Equal(rows.AsSpan(j * D, D).ToArray(), row);
            }
        }
    }

    private static Process Start(string store, string name, int batches, int batch, string shell = "") =>
        Start(["append", store, name, batches.ToString(), batch.ToString()], shell.Length > 0 ? ["/bin/sh", "-c", shell + " exec \"$@\"", "sh"] : []);

    private static Process Start(string[] args, string[] under)
    {
        var dotnet = Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet";
        string[] command = [.. under, dotnet, "exec", Path.Combine(AppContext.BaseDirectory, "XClr.Text.Tests.dll"), .. args];
        return Process.Start(new ProcessStartInfo(command[0], command[1..]) { RedirectStandardOutput = true, UseShellExecute = false })!;
    }

    [Fact]
    public async Task Two_instances_append_and_see_each_other()
    {
        using var folder = new TempFolder();
        using var one = EmbeddingStore.OpenOrCreate(folder.File("s.xemb"), D, EmbeddingType.Float32, Program.Fingerprint);
        using var two = EmbeddingStore.OpenOrCreate(folder.File("s.xemb"), D, EmbeddingType.Float32, Program.Fingerprint);
        await Task.WhenAll(Task.Run(() => Write(one, "one")), Task.Run(() => Write(two, "two")), Task.Run(() => Write(two, "three")));
        foreach (var store in (EmbeddingStore[])[one, two])
        {
            foreach (var name in (string[])["one", "two", "three"])
            {
                AssertHolds(store, name, 30, 60);
            }
            Assert.Equal(3 * 30 * 60, store.Count);
        }

        static void Write(EmbeddingStore store, string name)
        {
            for (var i = 0; i < 30; i++)
            {
                var captions = Program.Captions(name, i, 60);
                store.Append(captions, Program.Rows(captions, D));
                AssertHolds(store, name, i + 1, 60);
            }
        }
    }

    [Fact]
    public void Two_processes_append()
    {
        using var folder = new TempFolder();
        using var one = Start(folder.File("s.xemb"), "one", 20, 300);
        using var two = Start(folder.File("s.xemb"), "two", 20, 300);
        Assert.Contains("appended 19", one.StandardOutput.ReadToEnd());
        Assert.Contains("appended 19", two.StandardOutput.ReadToEnd());
        using var store = EmbeddingStore.Open(folder.File("s.xemb"));
        AssertHolds(store, "one", 20, 300);
        AssertHolds(store, "two", 20, 300);
        Assert.Equal(2 * 20 * 300, store.Count);
    }

    [Fact]
    public void A_killed_writer_loses_nothing_it_reported()
    {
        using var folder = new TempFolder();
        for (var round = 0; round < 5; round++)
        {
            using var child = Start(folder.File("s.xemb"), $"round {round}", 100_000, 700);
            var reported = -1;
            for (var line = 0; line < 2 + round && child.StandardOutput.ReadLine() is { } text; line++)
            {
                reported = int.Parse(text["appended ".Length..]);
            }
            child.Kill();
            foreach (var text in child.StandardOutput.ReadToEnd().Split('\n'))
            {
                if (text.StartsWith("appended ", StringComparison.Ordinal))
                {
                    reported = Math.Max(reported, int.Parse(text["appended ".Length..]));
                }
            }
            child.WaitForExit();
            Assert.True(reported >= 0, "the child wrote nothing");
            using var store = EmbeddingStore.Open(folder.File("s.xemb"));
            AssertHolds(store, $"round {round}", reported + 1, 700);
            AssertHolds(store, "round 0", 1, 700);
        }
    }

    [SkippableFact]
    public void A_full_disk_leaves_it_readable()
    {
        Skip.If(OperatingSystem.IsWindows(), "needs ulimit");
        using var folder = new TempFolder();
        // A limit on the file's size stands for the full disk: writes fail at some byte in the middle of a batch. (The runtime's own
        // executable memory is a file too, unless write-xor-execute is off.)
        using var child = Start(folder.File("s.xemb"), "full", 100, 300, shell: "export DOTNET_EnableWriteXorExecute=0; trap '' XFSZ; ulimit -f 400;");
        var output = child.StandardOutput.ReadToEnd();
        child.WaitForExit();
        Assert.Equal(1, child.ExitCode);
        Assert.Contains("failed " + folder.File("s.xemb"), output);
        var appended = output.Split('\n').Count(l => l.StartsWith("appended ", StringComparison.Ordinal));
        Assert.InRange(appended, 1, 99);
        using (var file = File.OpenHandle(folder.File("s.xemb")))
        {
            // What was not committed takes no space.
            Assert.Equal(Commit.Newest(StoreFile.ReadHeader(file))!.Value.End, RandomAccess.GetLength(file));
        }
        using var store = EmbeddingStore.Open(folder.File("s.xemb"));
        AssertHolds(store, "full", appended, 300);
        var more = Program.Captions("more", 0, 300);
        Assert.Equal(300, store.Append(more, Program.Rows(more, D)));
        AssertHolds(store, "more", 1, 300);
    }

    /// <summary>Embeddings beside their data, on a mount that may only be read.</summary>
    [SkippableFact]
    public void A_read_only_mount_is_read()
    {
        string[] mounting = ["unshare", "--map-root-user", "--mount", "/bin/sh", "-c"];
        using var folder = new TempFolder();
        var mount = $"mount --bind '{folder.Path}' '{folder.Path}' && mount -o remount,bind,ro '{folder.Path}'";
        Skip.IfNot(OperatingSystem.IsLinux() && Succeeds([.. mounting, mount]), "nothing can be mounted here");
        using (var store = EmbeddingStore.OpenOrCreate(folder.File("s.xemb"), D, EmbeddingType.Float32, Program.Fingerprint))
        {
            store.Append(["a dog"], Program.Rows(["a dog"], D));
        }
        using var child = Start(["read", folder.File("s.xemb"), "a dog"], [.. mounting, mount + " && exec \"$@\"", "sh"]);
        var said = child.StandardOutput.ReadToEnd().Split('\n');
        Assert.Equal("there", said[0]);
        Assert.StartsWith($"failed {folder.File("s.xemb")}", said[1]);

        static bool Succeeds(string[] command)
        {
            try
            {
                using var process = Process.Start(new ProcessStartInfo(command[0], command[1..]) { RedirectStandardError = true, UseShellExecute = false })!;
                process.WaitForExit();
                return process.ExitCode == 0;
            }
            catch (System.ComponentModel.Win32Exception)
            {
                return false; // there is no unshare
            }
        }
    }
}

using System.Globalization;
using System.Text;
using System.Text.Json;
using XClr.Nn;

namespace XClr.Train;

/// <summary>
/// A run's folder, held by one process at a time: config.json (the effective configuration), metrics.jsonl, TensorBoard's event files, skipped.jsonl, checkpoints/,
/// and `lock`. The operating system frees the lock when its holder ends, however it ends.
/// </summary>
public sealed class RunFolder : IDisposable
{
    private const string LockName = "lock";
    private const string OwnerName = "lock.owner";
    private const string RunDirOption = "--run-dir";

    // What .NET gives for a file that another process has locked: errno on Unix, Windows' code there.
    private const int EAgain = 11, EAgainOnMac = 35, SharingViolation = unchecked((int)0x80070020);

    // Once: a machine may get another name while a run goes on.
    private static readonly string Owner = $"process {Environment.ProcessId} on {Environment.MachineName}";

    private readonly FileStream handle;

    private RunFolder(string path, FileStream handle) => (Path, this.handle) = (path, handle);

    /// <summary>The folder, absolute.</summary>
    public string Path { get; }

    /// <summary>The effective configuration.</summary>
    public string ConfigFile => System.IO.Path.Combine(Path, "config.json");

    /// <summary>See <see cref="MetricsLog"/>.</summary>
    public string MetricsFile => System.IO.Path.Combine(Path, MetricsLog.FileName);

    /// <summary>Skipped samples, a line each.</summary>
    public string SkippedFile => System.IO.Path.Combine(Path, "skipped.jsonl");

    /// <summary>
    /// Opens (or makes) the folder of a run and takes its lock. A folder that holds a checkpoint is refused unless the run resumes, so that no
    /// run is overwritten by mistake.
    /// </summary>
    /// <param name="config">RunDir: the folder, null for a new one under runs/. Resume: null, or another run's checkpoint, refuses a folder with checkpoints.</param>
    /// <exception cref="UsageException">Another process holds it, or it holds a run and that is not the one to be resumed, or one whose checkpoints are gone.</exception>
    /// <exception cref="IOException">It cannot be made or written.</exception>
    public static RunFolder Open(TrainConfig config)
    {
        var folder = Take(config.RunDir ?? NewName(config));
        var path = folder.Path;
        try
        {
            if (CheckpointPath.Exists(path) && !GoesOn(config.Resume, path))
            {
                throw new UsageException($"--run-dir {path}: holds a run already{(config.Resume is null ? "" : $", and --resume {config.Resume} is another's")}; go on with it by --resume auto, or name another folder.");
            }
            RequireCheckpoints(path);
            return folder;
        }
        catch
        {
            folder.Dispose();
            throw;
        }
    }

    /// <summary>Refuses a folder whose run had checkpoints that are gone: its log would be lost too.</summary>
    /// <exception cref="UsageException">It is such a one.</exception>
    public static void RequireCheckpoints(string path)
    {
        if (CheckpointPath.Lost(path) is { } lost)
        {
            throw new UsageException($"--run-dir {path}: its checkpoints are gone, the latest of which was {lost}; bring them back, or begin anew in another folder (or in this one, once its folder checkpoints is removed too, which drops the log of the run).");
        }
    }

    /// <summary>Makes the folder where there is none, and takes its lock, whatever it holds. option: what the user names it by.</summary>
    /// <exception cref="UsageException">Another process holds it.</exception>
    /// <exception cref="IOException">It cannot be made or written.</exception>
    public static RunFolder Take(string path, string option = RunDirOption)
    {
        path = System.IO.Path.GetFullPath(path);
        try
        {
            Directory.CreateDirectory(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new IOException($"The folder of {option} cannot be made: {e.Message} Name one that you may write to.", e);
        }
        return new RunFolder(path, Lock(path, option));
    }

    /// <summary>
    /// Saves the effective configuration, without where the run lies and what it goes on from, which are not for a run that is begun with it. Returns the options whose values differ from the one saved before, as "name: old -> new"; empty in a
    /// new folder.
    /// </summary>
    /// <exception cref="IOException">The disk is full or not writable.</exception>
    public IReadOnlyList<string> SaveConfig(TrainConfig config)
    {
        var changes = File.Exists(ConfigFile) ? Changes(config) : [];
        var json = (config with { Resume = null, RunDir = null }).ToJson();
        DurableFile.Write(ConfigFile, stream =>
        {
            using var writer = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = true });
            json.WriteTo(writer);
        });
        return changes;
    }

    /// <summary>Refuses to go on where another process holds the folder of this name, as it can once this one was removed: each would prune the other's checkpoints.</summary>
    /// <exception cref="UsageException">It does.</exception>
    public void RequireOwn()
    {
        var owner = OwnerFile(Path);
        if (File.Exists(owner) && File.ReadAllText(owner).Trim() is var who && who != Owner)
        {
            throw new UsageException($"{RunDirOption} {Path}: was removed while this run wrote there, and another process ({who}) has begun one in its place; this one ends and saves nothing more.");
        }
    }

    /// <summary>The arguments that go on with this run.</summary>
    public string ResumeArguments => $"train --config {Quote(ConfigFile)} --run-dir {Quote(Path)} --resume auto";

    /// <summary>True where no process holds the folder of a run.</summary>
    /// <exception cref="IOException">Its lock cannot be made.</exception>
    internal static bool IsFree(string path)
    {
        try
        {
            Lock(path, RunDirOption).Dispose();
            return true;
        }
        catch (UsageException)
        {
            return false;
        }
    }

    /// <summary>Frees the lock.</summary>
    public void Dispose() => handle.Dispose();

    private static string OwnerFile(string path) => System.IO.Path.Combine(path, OwnerName);

    private static bool GoesOn(string? resume, string path) =>
        resume == "auto" || (resume is not null && (System.IO.Path.GetFullPath(resume) + System.IO.Path.DirectorySeparatorChar).StartsWith(System.IO.Path.TrimEndingDirectorySeparator(path) + System.IO.Path.DirectorySeparatorChar, StringComparison.Ordinal));

    private IReadOnlyList<string> Changes(TrainConfig config)
    {
        TrainConfig before;
        try
        {
            before = TrainConfigJson.Apply(new TrainConfig(), TrainConfigJson.ReadFile(ConfigFile));
        }
        catch (UsageException e)
        {
            return [$"the earlier configuration cannot be compared: {e.Message}"];
        }
        return [.. TrainOptions.All
            .Where(o => o.Name is not "resume" and not "run-dir" && o.Get(before) != o.Get(config))
            .Select(o => $"{o.Name}: {o.Get(before) ?? "unset"} -> {o.Get(config) ?? "unset"}")];
    }

    private static string NewName(TrainConfig config)
    {
        var name = string.Create(CultureInfo.InvariantCulture, $"{DateTime.Now:yyyyMMdd-HHmmss}-{config.Arch}-{config.Loss}").ToLowerInvariant();
        var path = System.IO.Path.Combine("runs", name);
        for (var n = 2; Directory.Exists(path); n++)
        {
            path = System.IO.Path.Combine("runs", $"{name}-{n}");
        }
        return path;
    }

    private static FileStream Lock(string path, string option)
    {
        var owner = OwnerFile(path);
        FileStream handle;
        try
        {
            // FileShare.None is an exclusive flock: it ends with the process, so a killed run leaves nothing to clear up.
            handle = new FileStream(System.IO.Path.Combine(path, LockName), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException e) when (e.HResult is EAgain or EAgainOnMac or SharingViolation)
        {
            var who = File.Exists(owner) ? $" ({File.ReadAllText(owner).Trim()})" : "";
            throw new UsageException($"{option} {path}: another process{who} is writing there; wait for its end, or name another folder.");
        }
        File.WriteAllText(owner, Owner + "\n", Encoding.UTF8);
        return handle;
    }

    private static string Quote(string path) => path.All(c => char.IsLetterOrDigit(c) || "/._-+=:@,".Contains(c)) ? path : $"'{path.Replace("'", "'\\''")}'";
}

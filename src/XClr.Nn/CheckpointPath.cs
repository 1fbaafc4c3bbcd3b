using System.Globalization;

namespace XClr.Nn;

/// <summary>
/// The files of one checkpoint. Model is always there; the others are null where the checkpoint lacks them (a bare .safetensors has
/// weights only). StepFolder is null for a bare file.
/// </summary>
public sealed record CheckpointPath(string Model, string? Head, string? Optimizer, string? State, string? StepFolder)
{
    internal const string ModelFile = "model.safetensors";
    internal const string HeadFile = "head.safetensors";
    internal const string OptimizerFile = "optimizer.safetensors";
    internal const string StateFile = "state.json";
    internal const string LatestFile = "latest";
    internal const string CheckpointsFolder = "checkpoints";

    /// <summary>What a complete step folder is called for the moment in which its successor of the same step takes its name.</summary>
    internal const string ReplacedSuffix = ".old";

    /// <summary>Finds a checkpoint: a step folder, a run folder (its latest), the checkpoints folder in it, or a .safetensors file.</summary>
    /// <exception cref="CheckpointException">There is none at this path.</exception>
    public static CheckpointPath Resolve(string path)
    {
        if (File.Exists(path))
        {
            return FromFile(path);
        }
        if (!Directory.Exists(path))
        {
            throw new CheckpointException($"{path}: no such file or folder; pass a run folder, a step folder such as RUN/checkpoints/{StepName(1234)}, or a file of weights ({string.Join(' ', Weights.WeightFiles.Extensions)})");
        }
        return IsStepFolder(path) ? FromStepFolder(path) : FromStepFolder(LatestStepFolder(path));
    }

    /// <summary>True where <paramref name="runFolder"/> has a complete checkpoint: for resuming only if there is something to resume.</summary>
    public static bool Exists(string runFolder) => StepFolders(Path.Combine(runFolder, CheckpointsFolder)).Count > 0;

    /// <summary>What `latest` names in a run folder without a complete checkpoint: one was there and is gone. Null where none ever was, or there is one.</summary>
    public static string? Lost(string runFolder)
    {
        var latest = Path.Combine(runFolder, CheckpointsFolder, LatestFile);
        return File.Exists(latest) && !Exists(runFolder) ? File.ReadAllText(latest).Trim() : null;
    }

    /// <summary>The name of a step's folder: step-00001234.</summary>
    public static string StepName(long step) => string.Create(CultureInfo.InvariantCulture, $"step-{step:D8}");

    /// <summary>The complete step folders in a checkpoints folder, by step. One being replaced counts while its successor is not there.</summary>
    internal static SortedDictionary<long, string> StepFolders(string checkpoints)
    {
        var found = new SortedDictionary<long, string>();
        if (!Directory.Exists(checkpoints))
        {
            return found;
        }
        foreach (var folder in Directory.GetDirectories(checkpoints, "step-*"))
        {
            var name = Path.GetFileName(folder);
            var replaced = name.EndsWith(ReplacedSuffix, StringComparison.Ordinal);
            if (TryParseStep(replaced ? name[..^ReplacedSuffix.Length] : name, out var step) && IsStepFolder(folder))
            {
                found[step] = replaced && found.TryGetValue(step, out var successor) ? successor : folder;
            }
        }
        return found;
    }

    private static bool TryParseStep(string name, out long step)
    {
        step = 0;
        return name.StartsWith("step-", StringComparison.Ordinal)
            && long.TryParse(name.AsSpan(5), NumberStyles.None, CultureInfo.InvariantCulture, out step)
            && StepName(step) == name;
    }

    private static bool IsStepFolder(string path) => File.Exists(Path.Combine(path, StateFile)) || File.Exists(Path.Combine(path, ModelFile));

    private static CheckpointPath FromFile(string path)
    {
        if (!Weights.WeightFiles.Extensions.Any(e => path.EndsWith(e, StringComparison.OrdinalIgnoreCase)))
        {
            throw new CheckpointException($"{path}: is no .safetensors file, nor a PyTorch file ({string.Join(' ', Weights.WeightFiles.Extensions.Skip(1))}); pass one, a step folder or a run folder");
        }
        var folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
        return Path.GetFileName(path) == ModelFile && File.Exists(Path.Combine(folder, StateFile))
            ? FromStepFolder(folder)
            : new CheckpointPath(path, null, null, null, null);
    }

    private static CheckpointPath FromStepFolder(string folder)
    {
        if (Path.TrimEndingDirectorySeparator(folder).EndsWith(DurableFile.TemporarySuffix, StringComparison.Ordinal))
        {
            throw new CheckpointException($"{folder}: is an unfinished checkpoint (the program was stopped while writing it); pass another step's folder, or the run folder for the latest complete one");
        }
        string? Optional(string name) => File.Exists(Path.Combine(folder, name)) ? Path.Combine(folder, name) : null;
        var model = Optional(ModelFile)
            ?? throw new CheckpointException($"{folder}: has {StateFile} but no {ModelFile}: a file was removed; pass another step's folder");
        return new CheckpointPath(model, Optional(HeadFile), Optional(OptimizerFile), Optional(StateFile), folder);
    }

    private static string LatestStepFolder(string path)
    {
        var nested = Path.Combine(path, CheckpointsFolder);
        var checkpoints = Directory.Exists(nested) ? nested : path;
        var folders = StepFolders(checkpoints);
        if (folders.Count == 0)
        {
            throw new CheckpointException($"{path}: holds no complete checkpoint (no {CheckpointsFolder}/{StepName(0)[..5]}* with {ModelFile}); train with --run-dir {path} first, or pass another folder");
        }
        // `latest` is written last: after a crash just before, the highest step is as good; after a resume from an earlier step it alone knows the branch.
        var latest = Path.Combine(checkpoints, LatestFile);
        if (File.Exists(latest) && TryParseStep(File.ReadAllText(latest).Trim(), out var step) && folders.TryGetValue(step, out var folder))
        {
            return folder;
        }
        return folders.Last().Value;
    }
}

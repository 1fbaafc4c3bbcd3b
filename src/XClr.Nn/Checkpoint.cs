namespace XClr.Nn;

/// <summary>
/// The tensors of one checkpoint. Model: the backbone under torchvision's names, KCRS, unpadded. Head: projector, CLIP heads or fc, null for
/// none. Optimizer: its state, null where nothing can be resumed. Metadata: of the model's file, for who reads it without the rest.
/// </summary>
public sealed record CheckpointTensors(
    IEnumerable<SafetensorsEntry> Model, IEnumerable<SafetensorsEntry>? Head, IEnumerable<SafetensorsEntry>? Optimizer, IReadOnlyDictionary<string, string>? Metadata = null);

/// <summary>
/// The checkpoints of one run: RUN/checkpoints/step-00001234/{model,head,optimizer}.safetensors and state.json, and `latest`, a text file
/// that names the newest folder. One writer at a time: the caller holds the run folder's lock.
/// </summary>
/// <remarks>
/// A checkpoint is written as step-N.tmp, every file and the folder synced, renamed, and `latest` replaced after that; only then are old
/// ones removed. So whatever instant the program is killed at, the checkpoints that a reader finds are complete.
/// </remarks>
public sealed class CheckpointStore
{
    private readonly string checkpoints;
    private readonly int keep;
    private readonly Action<string> warn;

    /// <summary>Opens or creates RUN/checkpoints and clears what a killed writer left.</summary>
    /// <param name="runFolder">The run's folder.</param>
    /// <param name="keep">How many of the last checkpoints stay, 1 or more; the best one stays beside them.</param>
    /// <param name="warn">Told of old folders that could not be removed.</param>
    /// <exception cref="IOException">The folder cannot be created or written.</exception>
    public CheckpointStore(string runFolder, int keep, Action<string> warn)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(keep, 1);
        checkpoints = Path.Combine(Path.GetFullPath(runFolder), CheckpointPath.CheckpointsFolder);
        this.keep = keep;
        this.warn = warn;
        Directory.CreateDirectory(checkpoints);
        DurableFile.SyncFolder(Path.GetDirectoryName(checkpoints)!);
        Recover();
    }

    /// <summary>The complete checkpoints, by step.</summary>
    public IReadOnlyDictionary<long, string> Steps => CheckpointPath.StepFolders(checkpoints);

    /// <summary>Saves a checkpoint, makes it the latest, and removes those no longer wanted. Returns its folder.</summary>
    /// <exception cref="IOException">The disk is full or not writable: the older checkpoints and `latest` are as they were.</exception>
    /// <exception cref="CheckpointException">The state has a value out of range; nothing was written.</exception>
    public string Save(CheckpointState state, CheckpointTensors tensors, bool prune = true)
    {
        var folder = Path.Combine(checkpoints, CheckpointPath.StepName(state.Step));
        var temporary = folder + DurableFile.TemporarySuffix;
        var json = state.ToJson(Path.Combine(folder, CheckpointPath.StateFile));
        try
        {
            DeleteFolder(temporary);
            Directory.CreateDirectory(temporary);
            WriteFiles(temporary, json, tensors);
        }
        catch
        {
            TryDelete(temporary);
            throw;
        }
        Publish(temporary, folder);
        DurableFile.Write(Path.Combine(checkpoints, CheckpointPath.LatestFile), s => s.Write([.. Name(state.Step), (byte)'\n']));
        if (prune)
        {
            Prune(state);
        }
        return folder;
    }

    private static byte[] Name(long step) => System.Text.Encoding.ASCII.GetBytes(CheckpointPath.StepName(step));

    private static void WriteFiles(string folder, byte[] state, CheckpointTensors tensors)
    {
        SafetensorsWriter.WriteSynced(Path.Combine(folder, CheckpointPath.ModelFile), tensors.Model, tensors.Metadata ?? PyTorchFormat);
        if (tensors.Head is not null)
        {
            SafetensorsWriter.WriteSynced(Path.Combine(folder, CheckpointPath.HeadFile), tensors.Head, PyTorchFormat);
        }
        if (tensors.Optimizer is not null)
        {
            SafetensorsWriter.WriteSynced(Path.Combine(folder, CheckpointPath.OptimizerFile), tensors.Optimizer, PyTorchFormat);
        }
        DurableFile.WriteSynced(Path.Combine(folder, CheckpointPath.StateFile), s => s.Write(state));
        DurableFile.SyncFolder(folder);
    }

    /// <summary>PyTorch's loaders ask for this key.</summary>
    private static readonly Dictionary<string, string> PyTorchFormat = new() { ["format"] = "pt" };

    /// <summary>Gives the finished folder its name. A folder cannot replace another in one rename, so a predecessor steps aside first.</summary>
    private void Publish(string temporary, string folder)
    {
        var replaced = folder + CheckpointPath.ReplacedSuffix;
        if (Directory.Exists(folder))
        {
            Directory.Move(folder, replaced);
            DurableFile.SyncFolder(checkpoints);
        }
        Directory.Move(temporary, folder);
        DurableFile.SyncFolder(checkpoints);
        TryDelete(replaced);
    }

    /// <summary>
    /// Keeps the last K and the folder of the best metric. Steps above the one just saved are of a branch that was left when the run was
    /// resumed from an earlier step: they are the first to go.
    /// </summary>
    private void Prune(CheckpointState state)
    {
        var newestFirst = Steps.OrderByDescending(s => s.Key).ToList();
        var branch = newestFirst.Where(s => s.Key <= state.Step).Concat(newestFirst.Where(s => s.Key > state.Step));
        foreach (var (step, folder) in branch.Skip(keep))
        {
            if (step != state.BestMetric?.Step)
            {
                Remove(folder);
            }
        }
    }

    /// <summary>The rename comes first: a kill in the middle of the removal must not leave half a folder under a checkpoint's name.</summary>
    private void Remove(string folder)
    {
        try
        {
            Directory.Move(folder, folder + DurableFile.TemporarySuffix);
            DeleteFolder(folder + DurableFile.TemporarySuffix);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            warn($"{folder}: the old checkpoint could not be removed: {e.Message}");
        }
    }

    private void Recover()
    {
        foreach (var folder in Directory.GetDirectories(checkpoints, "step-*" + CheckpointPath.ReplacedSuffix))
        {
            var name = folder[..^CheckpointPath.ReplacedSuffix.Length];
            if (Directory.Exists(name))
            {
                TryDelete(folder);
            }
            else
            {
                Directory.Move(folder, name);
            }
        }
        foreach (var folder in Directory.GetDirectories(checkpoints, "step-*" + DurableFile.TemporarySuffix))
        {
            TryDelete(folder);
        }
        File.Delete(Path.Combine(checkpoints, CheckpointPath.LatestFile + DurableFile.TemporarySuffix));
    }

    private static void DeleteFolder(string folder)
    {
        if (Directory.Exists(folder))
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private void TryDelete(string folder)
    {
        try
        {
            DeleteFolder(folder);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            warn($"{folder}: an unfinished checkpoint could not be removed: {e.Message}");
        }
    }
}

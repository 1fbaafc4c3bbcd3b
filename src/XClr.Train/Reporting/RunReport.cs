using System.Text.Json;
using XClr.Nn;
using XClr.Train.Comparison;

namespace XClr.Train.Reporting;

/// <summary>A training run as a page shows it.</summary>
/// <param name="Name">The folder's name.</param>
/// <param name="Config">Options by name.</param>
/// <param name="Step">Optimiser steps of the latest checkpoint.</param>
/// <param name="Device">Where it was trained.</param>
/// <param name="Commit">Of the program; null where unknown.</param>
/// <param name="Metrics">The lines of metrics.jsonl.</param>
/// <param name="Images">What the network makes of held-out images; null where there are none.</param>
/// <param name="ImagesMissing">Why there are none.</param>
public sealed record RunReport(string Name, JsonElement Config, long Step, string Device, string? Commit, IReadOnlyList<JsonElement> Metrics, ImagesReport? Images, string? ImagesMissing)
{
    /// <summary>Reads a run's folder and runs its network on held-out images.</summary>
    /// <param name="folder">The run's folder.</param>
    /// <param name="validation">Held-out data; null = the run's own.</param>
    /// <param name="device">Vulkan device; null = the best.</param>
    /// <param name="images">Held-out images that count at most.</param>
    /// <param name="warn">Told what the user should know.</param>
    /// <param name="stop">Ends it between two batches.</param>
    /// <exception cref="CheckpointException">The folder holds no checkpoint.</exception>
    public static RunReport Create(string folder, string? validation, string? device, int images, Action<string> warn, CancellationToken stop)
    {
        var path = CheckpointPath.Resolve(folder);
        var state = CheckpointState.Read(path.State ?? throw new UsageException($"{folder}: is no run of this program (it has no state.json); a report needs a run's folder."));
        var config = TrainConfig.FromJson(state.Config, path.State!);
        config = config with { ValData = validation ?? config.ValData, Device = device };
        var made = config.ValData is null ? null : ImagesReport.Create(folder, config, images, warn, stop);
        return new RunReport(Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder))), state.Config, state.Step, state.Device, state.Commit, MetricsLog.Read(Path.Combine(folder, MetricsLog.FileName)), made,
            made is null ? "The run has no held-out images; name some by --val-data." : null);
    }
}

/// <summary>A page's contents: runs, and the comparison that they belong to, if any.</summary>
public sealed record PageReport(string Date, IReadOnlyList<RunReport> Runs, IReadOnlyList<ComparisonRow>? Rows, IReadOnlyList<ColumnTitle>? Columns, IReadOnlyList<string>? Findings)
{
    /// <summary>Of run folders, or of folders of `compare`, whose first seed's runs are shown.</summary>
    public static PageReport Create(IReadOnlyList<string> folders, string? validation, string? device, int images, Action<string> warn, CancellationToken stop)
    {
        var (runs, cells) = (new List<RunReport>(), new List<CellResult>());
        foreach (var folder in folders)
        {
            if (!Directory.Exists(Path.Combine(folder, "cells")))
            {
                runs.Add(RunReport.Create(folder, validation, device, images, warn, stop));
                continue;
            }
            List<CellResult> own = [.. Directory.GetFiles(Path.Combine(folder, "cells"), "*.json").Order(StringComparer.Ordinal).Select(f => CellResult.Read(f)!).OrderBy(c => c.Seed).ThenBy(c => c.Steps > 0).ThenBy(c => TrainConfig.FromJson(c.Config, folder).Loss)];
            cells.AddRange(own);
            var held = validation ?? (own.Count > 0 ? TrainConfig.FromJson(own[0].Config, folder).ValData : null);
            foreach (var cell in own.Where(c => c.Steps > 0 && c.Seed == own[0].Seed))
            {
                // The folder may have been moved since.
                var run = Path.Combine(folder, ComparisonRequest.Runs, Path.GetFileName(TrainConfig.FromJson(cell.Config, folder).RunDir)
                    ?? throw new UsageException($"{folder}: the result of '{cell.Row}', seed {cell.Seed}, does not say where its run lies (run-dir); delete its file in cells, and compare makes it anew."));
                runs.Add(RunReport.Create(run, held, device, images, warn, stop));
            }
        }
        var table = cells.Count == 0 ? null : ComparisonTable.Of(cells);
        var columns = table is null ? null : ComparisonTable.Columns.Where(c => table.Rows.Any(r => r.Values.ContainsKey(c.Name))).Select(c => new ColumnTitle(c.Name, c.Title)).ToList();
        return new PageReport(DateTime.UtcNow.ToString("yyyy-MM-dd", System.Globalization.CultureInfo.InvariantCulture), runs, table?.Rows, columns, table?.Findings());
    }
}

/// <summary>A measure's name and what a table calls it.</summary>
public sealed record ColumnTitle(string Name, string Title);

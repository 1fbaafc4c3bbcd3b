using System.Globalization;
using System.Text.Json;
using XClr.Nn;
using XClr.Nn.Weights;

namespace XClr.Cli.Commands;

/// <summary>What `inspect` says of a checkpoint: the tensors of its files, and its state where it has one.</summary>
internal sealed record CheckpointReport(IReadOnlyList<CheckpointReport.FileTensors> Files, CheckpointState? State)
{
    /// <summary>A file's tensors in the order of their data, and its metadata.</summary>
    public sealed record FileTensors(string File, long Elements, IReadOnlyList<TensorRow> Tensors, IReadOnlyDictionary<string, string> Metadata);

    /// <summary>One tensor.</summary>
    public sealed record TensorRow(string Name, string DType, IReadOnlyList<long> Shape);

    /// <summary>Reads the headers of the files and the state.</summary>
    /// <exception cref="SafetensorsException">A file is damaged.</exception>
    /// <exception cref="CheckpointException">The state is, or a file of PyTorch is not accepted.</exception>
    public static CheckpointReport Create(CheckpointPath checkpoint)
    {
        var files = new List<FileTensors>();
        foreach (var path in new[] { checkpoint.Model, checkpoint.Head, checkpoint.Optimizer }.OfType<string>())
        {
            using var file = WeightFiles.Open(path);
            files.Add(new(path, file.Tensors.Sum(t => t.Count), [.. file.Tensors.Select(t => new TensorRow(t.Name, t.DType.ToString(), t.Shape))], file.Metadata));
        }
        return new(files, checkpoint.State is null ? null : CheckpointState.Read(checkpoint.State));
    }

    /// <summary>Prints it to standard output.</summary>
    public void Print(bool json)
    {
        if (json)
        {
            Output.Json(this);
            return;
        }
        foreach (var file in Files)
        {
            Console.Out.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{file.File}: {file.Tensors.Count} tensors, {file.Elements:N0} elements"));
            var table = Output.Table("name", "type", "shape");
            foreach (var tensor in file.Tensors)
            {
                table.Row(tensor.Name, tensor.DType, $"[{string.Join(',', tensor.Shape)}]");
            }
            Output.Results.Write(table);
        }
        if (State is not null)
        {
            PrintState(State);
        }
    }

    private static void PrintState(CheckpointState s)
    {
        var a = s.Architecture;
        Output.WriteFacts(
        [
            ("network", string.Create(CultureInfo.InvariantCulture, $"{a.Arch}, stem {a.Stem}, width {a.Width}, projector {a.Projector} {a.FeatureWidth} -> {a.ProjectionWidth}")),
            ("images", $"{s.ImageSize} px, mean {Numbers(s.Mean)}, std {Numbers(s.Std)}"),
            ("trained", $"{s.Step} steps; epoch {s.Epoch}, {s.DataPosition} samples into it; seed {s.Seed}"),
            ("best", s.BestMetric is { } best ? string.Create(CultureInfo.InvariantCulture, $"{best.Name} {best.Value:G6} at step {best.Step}") : "not evaluated"),
            ("device", s.Device),
            ("plan", s.PlanFingerprint),
            ("commit", s.Commit ?? "unknown"),
            ("config", ""),
        ]);
        Output.WriteFacts(s.Config.EnumerateObject().Where(p => p.Value.ValueKind != JsonValueKind.Null).Select(p => ("  " + p.Name, p.Value.ToString())));
    }

    private static string Numbers(IEnumerable<float> values) => string.Join(' ', values.Select(v => v.ToString(CultureInfo.InvariantCulture)));
}

using XClr.Gpu;

namespace XClr.Nn.Models;

/// <summary>A model's tensors in safetensors files, under torchvision's names and in PyTorch's layouts.</summary>
public static class ModelFile
{
    private const string Variance = ".running_var", Tracked = ".num_batches_tracked";

    /// <summary>The backbone as a PyTorch user loads it: values, running statistics and num_batches_tracked (int64); fc is the head's.</summary>
    public static IEnumerable<SafetensorsEntry> BackboneEntries(GpuDevice device, Model model, long batchesTracked) => Entries(device, model, batchesTracked, backbone: true);

    /// <summary>The projector, CLIP's maps or fc; null where the model has no head.</summary>
    public static IEnumerable<SafetensorsEntry>? HeadEntries(GpuDevice device, Model model, long batchesTracked) =>
        model.Spec.Head == HeadKind.None ? null : Entries(device, model, batchesTracked, backbone: false);

    /// <summary>Reads the tensors that files hold into a model. Names of the model that no file has, and shapes that differ, are errors; fc.* and num_batches_tracked are passed over.</summary>
    /// <param name="device">Device of the model.</param>
    /// <param name="model">Receives the values.</param>
    /// <param name="wanted">Which tensors must be found; others stay as they are.</param>
    /// <param name="files">Paths of .safetensors files.</param>
    /// <exception cref="SafetensorsException">A name is missing or unknown, or a shape differs: all of them are listed.</exception>
    public static void Load(GpuDevice device, Model model, Func<string, bool> wanted, params IReadOnlyList<string> files)
    {
        var open = files.Select(SafetensorsFile.Open).ToList();
        try
        {
            var where = open.SelectMany(f => f.Tensors.Select(t => (t.Name, File: f))).DistinctBy(t => t.Name).ToDictionary(t => t.Name, t => t.File);
            RequireMatch(model, wanted, files, where);
            foreach (var parameter in model.Parameters.Parameters.Where(p => wanted(p.Name)))
            {
                var values = where[parameter.Name].ReadFloat32(parameter.Name);
                StateDict.Upload(device, model.Parameters, model.Parameters.Values, new NamedArray(parameter.Name, StateDict.TorchShape(parameter), values));
            }
            foreach (var buffer in model.Parameters.Buffers.Where(b => wanted(b.Name)))
            {
                StateDict.UploadBuffer(device, model.Parameters, new NamedArray(buffer.Name, StateDict.TorchShape(buffer), where[buffer.Name].ReadFloat32(buffer.Name)));
            }
        }
        finally
        {
            open.ForEach(f => f.Dispose());
        }
    }

    /// <summary>Names of PyTorch's counters of training batches, `NAME.num_batches_tracked`, one per batch norm of the model.</summary>
    public static IEnumerable<string> TrackedNames(Model model) => model.Parameters.Buffers.Where(b => b.Name.EndsWith(Variance, StringComparison.Ordinal)).Select(b => TrackedName(b.Name));

    private static string TrackedName(string variance) => string.Concat(variance.AsSpan(0, variance.Length - Variance.Length), Tracked);

    private static void RequireMatch(Model model, Func<string, bool> wanted, IReadOnlyList<string> files, Dictionary<string, SafetensorsFile> where)
    {
        var shapes = model.Parameters.Parameters.Concat(model.Parameters.Buffers).ToDictionary(p => p.Name, StateDict.TorchShape);
        var faults = new List<string>();
        foreach (var (name, shape) in shapes.Where(s => wanted(s.Key)))
        {
            if (!where.TryGetValue(name, out var file))
            {
                faults.Add($"missing {name}");
            }
            else if (!file[name].Shape.SequenceEqual(shape.Select(d => (long)d)) && !(shape.Length == 0 && file[name].Count == 1))
            {
                faults.Add($"{name} is {file[name].ShapeText}, the model needs [{string.Join(',', shape)}]");
            }
        }
        faults.AddRange(where.Keys.Where(n => wanted(n) && !shapes.ContainsKey(n) && !n.EndsWith(Tracked, StringComparison.Ordinal) && !n.StartsWith("fc.", StringComparison.Ordinal)).Select(n => $"unknown {n}"));
        if (faults.Count > 0)
        {
            const int Shown = 12;
            var more = faults.Count > Shown ? $"; and {faults.Count - Shown} more" : "";
            throw new SafetensorsException($"{string.Join(", ", files)}: does not fit {model.Spec.Arch} (stem {model.Spec.Stem}, width {model.Spec.Width}): {string.Join("; ", faults.Take(Shown))}{more}.");
        }
    }

    private static IEnumerable<SafetensorsEntry> Entries(GpuDevice device, Model model, long batchesTracked, bool backbone)
    {
        foreach (var array in StateDict.Download(device, model.Parameters, model.Parameters.Values).Where(a => Model.IsBackbone(a.Name) == backbone))
        {
            yield return Float(array);
        }
        foreach (var array in StateDict.DownloadBuffers(device, model.Parameters).Where(a => Model.IsBackbone(a.Name) == backbone))
        {
            yield return Float(array);
            if (array.Name.EndsWith(Variance, StringComparison.Ordinal))
            {
                yield return SafetensorsEntry.Int64(TrackedName(array.Name), [], new[] { batchesTracked });
            }
        }
    }

    /// <summary>A named array as a safetensors entry.</summary>
    public static SafetensorsEntry Float(NamedArray array, string prefix = "") => SafetensorsEntry.Float32(prefix + array.Name, [.. array.Shape.Select(d => (long)d)], array.Values);
}

using System.Globalization;
using XClr.Gpu;
using XClr.Nn.Layers;
using XClr.Nn.Weights;

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
    /// <param name="files">Paths of files that <see cref="BackboneWeights"/> opens.</param>
    /// <exception cref="SafetensorsException">A name is missing or unknown, or a shape differs: all of them are listed.</exception>
    public static void Load(GpuDevice device, Model model, Func<string, bool> wanted, params IReadOnlyList<string> files)
    {
        var open = files.Select(BackboneWeights.Open).ToList();
        try
        {
            Load(device, model, wanted, open);
        }
        finally
        {
            open.ForEach(f => f.Dispose());
        }
    }

    /// <summary>As the other form, from files that are open.</summary>
    public static void Load(GpuDevice device, Model model, Func<string, bool> wanted, IReadOnlyList<IWeightFile> files)
    {
        foreach (var array in Read(model, wanted, files))
        {
            if (model.Parameters.Buffers.Any(b => b.Name == array.Name))
            {
                StateDict.UploadBuffer(device, model.Parameters, array);
            }
            else
            {
                StateDict.Upload(device, model.Parameters, model.Parameters.Values, array);
            }
        }
    }

    /// <summary>The tensors of a model as files hold them, parameters before buffers, checked as <see cref="Load(GpuDevice, Model, Func{string, bool}, IReadOnlyList{string})"/> checks them before the first is read.</summary>
    public static IEnumerable<NamedArray> Read(Model model, Func<string, bool> wanted, IReadOnlyList<IWeightFile> files)
    {
        var where = files.SelectMany(f => f.Tensors.Select(t => (t.Name, File: f))).DistinctBy(t => t.Name).ToDictionary(t => t.Name, t => t.File);
        RequireMatch(model, wanted, files, where);
        return model.Parameters.Parameters.Concat(model.Parameters.Buffers).Where(p => wanted(p.Name)).Select(p => new NamedArray(p.Name, StateDict.TorchShape(p), Usable(where[p.Name], p.Name)));
    }

    // Such numbers would go through the network without a word, and the mean or the rank of what comes out may look like a result.
    private static float[] Usable(IWeightFile file, string name)
    {
        var values = file.ReadFloat32(name);
        var isVariance = name.EndsWith(Variance, StringComparison.Ordinal);
        var bad = Array.FindIndex(values, v => !float.IsFinite(v) || (isVariance && v < 0));
        return bad < 0 ? values : throw new SafetensorsException(string.Create(CultureInfo.InvariantCulture,
            $"{file.Path}: element {bad} of '{name}' is {values[bad]}, which no {(isVariance ? "variance" : "weight")} can be: the training had diverged, or the file is damaged; take an earlier checkpoint."));
    }

    /// <summary>Names of PyTorch's counters of training batches, `NAME.num_batches_tracked`, one per batch norm of the model.</summary>
    public static IEnumerable<string> TrackedNames(Model model) => model.Parameters.Buffers.Where(b => b.Name.EndsWith(Variance, StringComparison.Ordinal)).Select(b => TrackedName(b.Name));

    private static string TrackedName(string variance) => string.Concat(variance.AsSpan(0, variance.Length - Variance.Length), Tracked);

    private static void RequireMatch(Model model, Func<string, bool> wanted, IReadOnlyList<IWeightFile> files, Dictionary<string, IWeightFile> where)
    {
        var shapes = model.Parameters.Parameters.Concat(model.Parameters.Buffers).ToDictionary(p => p.Name, StateDict.TorchShape);
        var needed = shapes.Where(s => wanted(s.Key)).ToList();
        var missing = needed.Where(s => !where.ContainsKey(s.Key)).Select(s => s.Key).ToList();
        var misshaped = needed.Where(s => where.TryGetValue(s.Key, out var file) && !Fits(file[s.Key], s.Value)).Select(s => $"{s.Key} is {where[s.Key][s.Key].ShapeText}, the model needs [{string.Join(',', s.Value)}]").ToList();
        var extra = where.Keys.Where(n => wanted(n) && !shapes.ContainsKey(n) && !BackboneWeights.IsCounter(n) && !n.StartsWith(Classifier.Prefix, StringComparison.Ordinal)).ToList();
        var faults = new[] { ("missing", missing), ("of another shape", misshaped), ("unknown to it", extra) }.Where(f => f.Item2.Count > 0).Select(f => $"{f.Item2.Count} {f.Item1}: {BackboneWeights.List(f.Item2)}").ToList();
        if (faults.Count > 0)
        {
            throw new SafetensorsException($"{string.Join(", ", files.Select(f => f.Path))}: does not fit {model.Spec.Arch} (stem {model.Spec.Stem}, width {model.Spec.Width}): {string.Join("; ", faults)}.");
        }
    }

    private static bool Fits(WeightTensor tensor, int[] shape) => tensor.Shape.SequenceEqual(shape.Select(d => (long)d)) || (shape.Length == 0 && tensor.Count == 1);

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

using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using XClr.Data;

namespace XClr.Train.Evaluation;

/// <summary>The three forms of <see cref="AnswerFile"/>.</summary>
internal static partial class AnswerFiles
{
    public static AnswerFile Read(string path)
    {
        try
        {
            using var document = JsonDocument.Parse(File.ReadAllBytes(path));
            var root = document.RootElement;
            return root.ValueKind == JsonValueKind.Array ? new Real(path, [.. root.EnumerateArray().Select(e => (IReadOnlySet<int>)e.EnumerateArray().Select(c => c.GetInt32()).ToHashSet())])
                : root.ValueKind == JsonValueKind.Object && root.EnumerateObject().FirstOrDefault().Value.ValueKind == JsonValueKind.Number
                    ? new Groups(path, root.EnumerateObject().ToDictionary(p => int.Parse(p.Name, CultureInfo.InvariantCulture), p => p.Value.GetInt32()))
                : root.ValueKind == JsonValueKind.Object ? new NamesOf(path, root.EnumerateObject().ToDictionary(p => p.Name, p => p.Value.GetString() ?? ""))
                : throw new JsonException($"it is {root.ValueKind}");
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException or OverflowException or ArgumentException or IOException or UnauthorizedAccessException)
        {
            throw new DataException($"--answers {path} is none of real.json (a list of lists of classes), in_to_in9.json (class to group) and objectnet_to_imagenet_1k.json (class name to ImageNet names): {e.Message}", e);
        }
    }

    /// <summary>real.json: entry i lists the right classes of ILSVRC2012_val_{i+1}; an empty list: the image does not count.</summary>
    private sealed partial class Real(string path, IReadOnlyList<IReadOnlySet<int>> right) : AnswerFile
    {
        public override bool OwnClasses => false;

        public override AnswerKey KeyOf(FeatureSet queries, IReadOnlyList<string>? own, IReadOnlyList<string> trained, Action<string> warn) =>
            new(queries.Labels!, own, [.. queries.Keys.Select(k => (IReadOnlySet<int>)right[IndexOf(k)].Where(c => c < trained.Count).ToHashSet())]);

        private int IndexOf(string key) => Number().Match(Path.GetFileNameWithoutExtension(key)) is { Success: true } match && int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture) - 1 is >= 0 and var index && index < right.Count
            ? index
            : throw new DataException($"--answers {path} has answers for {right.Count} images of ImageNet's validation set, ILSVRC2012_val_00000001 and on; the held-out set has '{key}'.");

        [GeneratedRegex("^ILSVRC2012_val_([0-9]{8})$")]
        private static partial Regex Number();
    }

    /// <summary>in_to_in9.json: ImageNet's class to one of the groups, -1 for none; folders of the held-out set begin with the group's number (00_dog), else they count in order.</summary>
    private sealed class Groups(string path, IReadOnlyDictionary<int, int> groupOf) : AnswerFile
    {
        public override bool OwnClasses => true;

        public override AnswerKey KeyOf(FeatureSet queries, IReadOnlyList<string>? own, IReadOnlyList<string> trained, Action<string> warn)
        {
            var names = own ?? throw new DataException($"--answers {path} groups classes; the held-out set must have folders, or names, of these groups.");
            var classes = groupOf.Where(p => p.Key < trained.Count).ToLookup(p => p.Value, p => p.Key);
            IReadOnlySet<int>[] right = [.. names.Select((n, i) => (IReadOnlySet<int>)classes[GroupOf(n, i)].ToHashSet())];
            return right.Any(r => r.Count > 0) ? new AnswerKey(queries.Labels!, names, [.. queries.Labels!.Select(l => right[l])])
                : throw new DataException($"--answers {path}: none of its groups is one of the held-out set's {names.Count} classes (first '{names[0]}').");
        }

        private static int GroupOf(string name, int index) => int.TryParse(name.Split('_')[0], NumberStyles.None, CultureInfo.InvariantCulture, out var group) ? group : index;
    }

    /// <summary>objectnet_to_imagenet_1k.json: "Alarm clock" to "analog clock; digital clock". Names are compared by their letters and digits; of the synonyms of a class any one is enough.</summary>
    private sealed class NamesOf(string path, IReadOnlyDictionary<string, string> imageNetNames) : AnswerFile
    {
        public override bool OwnClasses => true;

        public override AnswerKey KeyOf(FeatureSet queries, IReadOnlyList<string>? own, IReadOnlyList<string> trained, Action<string> warn)
        {
            var names = own ?? throw new DataException($"--answers {path} goes by class names; the held-out set must have folders, or names, of these classes.");
            var indices = trained.Select((n, i) => (Name: Letters(n), Index: i)).ToLookup(p => p.Name, p => p.Index);
            var (rightOf, unknown) = (new Dictionary<string, IReadOnlySet<int>>(), new List<string>());
            foreach (var (name, all) in imageNetNames)
            {
                var found = new HashSet<int>();
                foreach (var synset in all.Split(';', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
                {
                    var matches = synset.Split(',').SelectMany(s => indices[Letters(s)]).ToList();
                    found.UnionWith(matches);
                    unknown.AddRange(matches.Count == 0 ? [synset] : []);
                }
                rightOf[Letters(name)] = found;
            }
            IReadOnlySet<int>[] right = [.. names.Select(n => rightOf.GetValueOrDefault(Letters(n)) ?? new HashSet<int>())];
            if (unknown.Count > 0)
            {
                warn($"--answers {path}: {unknown.Count} of its names are no class of the training set, so they cannot be answered: {string.Join("; ", unknown.Take(5))}{(unknown.Count > 5 ? "; ..." : "")}.");
            }
            return right.Any(r => r.Count > 0) ? new AnswerKey(queries.Labels!, names, [.. queries.Labels!.Select(l => right[l])])
                : throw new DataException($"--answers {path}: none of the held-out set's {names.Count} classes (first '{names[0]}') is answered by a class of the training set (first '{trained[0]}'); name its classes by --classes, with wnid<TAB>name lines.");
        }

        private static string Letters(string name) => string.Concat(name.Where(char.IsLetterOrDigit)).ToLowerInvariant();
    }
}

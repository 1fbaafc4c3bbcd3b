using XClr.Data;

namespace XClr.Train.Evaluation;

/// <summary>Which classes of the training set are right for held-out images.</summary>
/// <param name="Labels">The class of each image under which it is counted.</param>
/// <param name="Names">Names of those classes; null where unknown.</param>
/// <param name="Right">Right classes of each image; null where its label is the only one.</param>
public sealed record AnswerKey(IReadOnlyList<int> Labels, IReadOnlyList<string>? Names, IReadOnlyList<IReadOnlySet<int>>? Right = null)
{
    /// <summary>True where this prediction is right for an image.</summary>
    public bool Accepts(int image, int predicted) => Right is null ? predicted == Labels[image] : Right[image].Contains(predicted);

    /// <summary>Right classes of an image.</summary>
    public IEnumerable<int> Of(int image) => Right is null ? [Labels[image]] : Right[image];

    /// <summary>The images that count, in order: those with a right class.</summary>
    public IReadOnlyList<int> Counted => [.. Enumerable.Range(0, Labels.Count).Where(i => Right is null || Right[i].Count > 0)];

    /// <summary>The key of some images.</summary>
    public AnswerKey Choose(IReadOnlyList<int> images) => this with { Labels = [.. images.Select(i => Labels[i])], Right = Right is null ? null : [.. images.Select(i => Right[i])] };
}

/// <summary>A held-out set whose right answers a file gives in the training set's classes; see <see cref="Read"/>.</summary>
public abstract class AnswerFile
{
    /// <summary>True where the held-out set has classes of its own, which are not those of the training set.</summary>
    public abstract bool OwnClasses { get; }

    /// <summary>The key of held-out images.</summary>
    /// <param name="queries">The images, with labels.</param>
    /// <param name="own">Names of the held-out set's classes.</param>
    /// <param name="trained">Names of the training set's classes.</param>
    /// <param name="warn">Is told what does not match.</param>
    /// <exception cref="DataException">Nothing matches.</exception>
    public abstract AnswerKey KeyOf(FeatureSet queries, IReadOnlyList<string>? own, IReadOnlyList<string> trained, Action<string> warn);

    /// <summary>
    /// Opens a file by what it holds: ReaL's real.json, a list of right classes for each of ImageNet's validation images; ImageNet-9's in_to_in9.json, the group of each of ImageNet's classes;
    /// ObjectNet's objectnet_to_imagenet_1k.json, the ImageNet names of each class.
    /// </summary>
    /// <exception cref="DataException">It is none of them.</exception>
    public static AnswerFile Read(string path) => AnswerFiles.Read(path);
}

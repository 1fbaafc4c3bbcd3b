using XClr.Data;

namespace XClr.Train.Evaluation;

/// <summary>The samples of a set that a <see cref="Subset"/> names; does not own the set.</summary>
internal sealed class SubsetDataset : IImageDataset
{
    private readonly IImageDataset dataset;
    private readonly HashSet<(string Source, string Key)> chosen;

    private SubsetDataset(IImageDataset dataset, HashSet<(string Source, string Key)> chosen) => (this.dataset, this.chosen) = (dataset, chosen);

    public string Name => dataset.Name;

    public string Format => dataset.Format;

    public IReadOnlyList<string>? Classes => dataset.Classes;

    public long Count => chosen.Count;

    public IReadOnlyList<string> Folders => dataset.Folders;

    /// <summary>Chooses by the labels of all samples, or of the first <paramref name="limit"/> of the shuffle that features are extracted in; they are read for it, no image is.</summary>
    /// <exception cref="DataException">A sample has no label of which a share could be taken, or a list names none of them.</exception>
    public static SubsetDataset Of(IImageDataset dataset, Subset subset, int? limit = null)
    {
        var order = limit is null ? ReadOrder.Sequential : new ReadOrder(Shuffle: true, Seed: 0, Epoch: 0);
        var (places, labels) = (new List<(string Source, string Key)>(), new List<int>());
        foreach (var sample in dataset.Read(order).Where(s => s.Fault is null && (s.Label is not null || !subset.IsAll)).Take(limit ?? int.MaxValue))
        {
            places.Add((sample.Source, sample.Key));
            labels.Add(sample.Label ?? throw new DataException($"'{dataset.Name}' has a sample without a label, '{sample.Key}', of which --fraction {subset.Name} takes no share."));
        }
        return new SubsetDataset(dataset, [.. subset.Of([.. places.Select(p => p.Key)], [.. labels]).Select(i => places[i])]);
    }

    public IEnumerable<RawSample> Read(ReadOrder order) => dataset.Read(order).Where(s => chosen.Contains((s.Source, s.Key)));

    public void Dispose()
    {
    }
}

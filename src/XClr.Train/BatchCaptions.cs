using XClr.Data;

namespace XClr.Train;

/// <summary>The captions of one batch after another: their embeddings, and how many are alike. Used by one thread; its memory serves every batch.</summary>
/// <param name="source">Embeds.</param>
/// <param name="use">Whether a sample has the one caption that was drawn for it, or the mean of all of its own.</param>
internal sealed class BatchCaptions(CaptionSource source, CaptionUse use)
{
    private static readonly Comparison<Sample> ByCaption = (a, b) => a.CaptionText.SequenceCompareTo(b.CaptionText);
    private readonly List<int> missing = [];
    private readonly List<Sample> sorted = [];

    /// <summary>Numbers per row.</summary>
    public int Width => source.Width;

    /// <summary>
    /// Fills the rows of text [N,Width] for the samples from <paramref name="first"/> on. Samples whose embedding is zero go to <paramref name="dropped"/>; those behind them, and their rows, take their places.
    /// </summary>
    public void Embed(List<Sample> samples, int first, float[] text, List<Sample> dropped)
    {
        if (use == CaptionUse.Mean)
        {
            source.EmbedMean([.. samples.Skip(first).Select(s => s.Captions)]).CopyTo(text, first * Width);
        }
        else
        {
            EmbedOneEach(samples, first, text);
        }
        var kept = first;
        for (var i = first; i < samples.Count; i++)
        {
            var row = Row(text, i);
            if (!row.ContainsAnyExcept(0f))
            {
                dropped.Add(samples[i]);
                continue;
            }
            row.CopyTo(Row(text, kept));
            samples[kept++] = samples[i];
        }
        samples.RemoveRange(kept, samples.Count - kept);
    }

    /// <summary>Share of the samples whose caption another one of them has, 0 to 1.</summary>
    public double RepeatedShare(List<Sample> samples)
    {
        sorted.AddRange(samples);
        sorted.Sort(ByCaption);
        var repeated = 0;
        for (var i = 0; i < sorted.Count; i++)
        {
            var isRepeated = (i > 0 && ByCaption(sorted[i - 1], sorted[i]) == 0) || (i + 1 < sorted.Count && ByCaption(sorted[i], sorted[i + 1]) == 0);
            repeated += isRepeated ? 1 : 0;
        }
        sorted.Clear();
        return repeated / (double)samples.Count;
    }

    // Strings are made of those captions only that no store has.
    private void EmbedOneEach(List<Sample> samples, int first, float[] text)
    {
        missing.Clear();
        for (var i = first; i < samples.Count; i++)
        {
            if (!source.TryGet(samples[i].CaptionText, Row(text, i)))
            {
                missing.Add(i);
            }
        }
        if (missing.Count == 0)
        {
            return;
        }
        var rows = source.Embed([.. missing.Select(i => samples[i].Caption!)]);
        for (var m = 0; m < missing.Count; m++)
        {
            Row(rows, m).CopyTo(Row(text, missing[m]));
        }
    }

    private Span<float> Row(float[] rows, int index) => rows.AsSpan(index * Width, Width);
}

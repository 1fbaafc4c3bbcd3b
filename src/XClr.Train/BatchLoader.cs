using System.Collections.Concurrent;
using System.Diagnostics;
using System.Runtime.ExceptionServices;
using XClr.Data;

namespace XClr.Train;

/// <summary>What the loss needs beside the images.</summary>
public enum TargetKind
{
    None,
    Labels,
    Text,
}

/// <summary>One training batch, packed for upload. Disposing of it lets the loader fill it again.</summary>
public sealed class LoadedBatch : IDisposable
{
    private readonly BatchLoader loader;
    private int lent;

    internal LoadedBatch(BatchLoader loader, int size, TargetKind target, int textWidth)
    {
        this.loader = loader;
        Labels = target == TargetKind.Labels ? new uint[size] : null;
        Text = target == TargetKind.Text ? new float[size * textWidth] : null;
    }

    /// <summary>The packed sources and the table of their views.</summary>
    public PackedBatch Images { get; } = new();

    /// <summary>Class indices [N]; null where the loss needs none.</summary>
    public uint[]? Labels { get; }

    /// <summary>Caption embeddings [N, width]; null where the loss needs none.</summary>
    public float[]? Text { get; }

    /// <summary>Where a resumed run would go on after this batch.</summary>
    public StreamPosition Position { get; internal set; }

    /// <summary>Samples skipped so far.</summary>
    public long Skipped { get; internal set; }

    /// <summary>Images so far that were made smaller to fit their slot (<see cref="SourceRing.ImageBytes"/>).</summary>
    public long Reduced { get; internal set; }

    /// <summary>Share of this batch's samples whose caption another one of them has, 0 to 1; null where the loss needs no captions.</summary>
    public double? RepeatedCaptions { get; internal set; }

    /// <summary>Gives it back to the loader. A second call does nothing.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref lent, 0) == 1)
        {
            loader.Return(this);
        }
    }

    /// <summary>Begins its next use.</summary>
    internal LoadedBatch Lend()
    {
        lent = 1;
        return this;
    }
}

/// <summary>
/// Turns the sample stream into batches on a thread of its own: full batches of one epoch each (an epoch's last, partial batch is dropped),
/// captions embedded, samples whose caption embeds to zero skipped as empty-caption.
/// </summary>
public sealed class BatchLoader : IDisposable
{
    private const int Ahead = 2;
    private readonly SampleStream stream;
    private readonly SampleStreamOptions options;
    private readonly int size;
    private readonly TargetKind target;
    private readonly CaptionSource? captions;
    private readonly Action<long, long>? observe;
    private readonly BlockingCollection<LoadedBatch> ready = new(Ahead);
    private readonly CancellationTokenSource stop = new();
    private readonly Thread thread;
    private readonly ConcurrentBag<LoadedBatch> spare = [];
    private ExceptionDispatchInfo? failure;

    // What is used for one batch after another, by the loader's thread.
    private readonly List<Sample> samples = [];
    private readonly List<int> missing = [];
    private readonly List<int> order = [];
    private readonly Comparison<int> byCaption;
    private readonly List<Sample> dropped = [];
    private Sample? carried;

    /// <param name="dataset">Data; the caller disposes of it.</param>
    /// <param name="options">Stream options; Augment must be set.</param>
    /// <param name="batchSize">N, samples per batch.</param>
    /// <param name="target">What the loss needs.</param>
    /// <param name="captions">Needed for <see cref="TargetKind.Text"/>; used by this loader's thread only from now on.</param>
    /// <param name="observe">Is told of each batch, on this loader's thread: two <see cref="Stopwatch"/> timestamps between which it was put together. Null: nobody.</param>
    public BatchLoader(IImageDataset dataset, SampleStreamOptions options, int batchSize, TargetKind target, CaptionSource? captions, Action<long, long>? observe = null)
    {
        this.observe = observe;
        this.options = options;
        this.target = target;
        this.captions = captions;
        size = batchSize;
        byCaption = (a, b) => samples[a].CaptionText.SequenceCompareTo(samples[b].CaptionText);
        stream = new SampleStream(dataset, options with { RequireCaption = target == TargetKind.Text, RequireLabel = target == TargetKind.Labels, EndEpoch = int.MaxValue });
        thread = new Thread(Run) { IsBackground = true, Name = "xclr-batches" };
        thread.Start();
    }

    /// <summary>Time that <see cref="Next"/> has waited.</summary>
    public TimeSpan Waited { get; private set; }

    /// <summary>The next batch; data run over epochs without end.</summary>
    /// <exception cref="DataException">The data cannot be used.</exception>
    public LoadedBatch Next(CancellationToken cancel)
    {
        var clock = Stopwatch.StartNew();
        try
        {
            return ready.Take(cancel);
        }
        catch (InvalidOperationException) when (failure is not null)
        {
            failure.Throw();
            throw;
        }
        finally
        {
            Waited += clock.Elapsed;
        }
    }

    private void Run()
    {
        try
        {
            while (!stop.IsCancellationRequested)
            {
                var begin = Stopwatch.GetTimestamp();
                var batch = Build();
                observe?.Invoke(begin, Stopwatch.GetTimestamp());
                ready.Add(batch, stop.Token);
            }
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
        }
        catch (ObjectDisposedException) when (stop.IsCancellationRequested)
        {
        }
        catch (Exception e)
        {
            failure = ExceptionDispatchInfo.Capture(e);
            ready.CompleteAdding();
        }
    }

    internal void Return(LoadedBatch batch) => spare.Add(batch);

    private LoadedBatch Build()
    {
        var batch = spare.TryTake(out var used) ? used : new LoadedBatch(this, size, target, captions?.Width ?? 0);
        var epochsWithoutBatch = 0;
        samples.Clear();
        while (samples.Count < size)
        {
            var first = Pull(ref epochsWithoutBatch);
            if (target == TargetKind.Text)
            {
                Embed(first, batch.Text!);
            }
        }
        batch.Images.Views(samples, options.Views, options.OutputSize);
        for (var i = 0; i < size && target == TargetKind.Labels; i++)
        {
            batch.Labels![i] = (uint)samples[i].Label!.Value;
        }
        (batch.Position, batch.Skipped, batch.Reduced) = (stream.Position, stream.SkippedCount, stream.ReducedCount);
        batch.RepeatedCaptions = target == TargetKind.Text ? Repeated() : null;
        DropSamples();
        return batch.Lend();
    }

    private void DropSamples()
    {
        foreach (var sample in samples)
        {
            sample.Dispose();
        }
        samples.Clear();
    }

    private double Repeated()
    {
        order.Clear();
        for (var i = 0; i < samples.Count; i++)
        {
            order.Add(i);
        }
        order.Sort(byCaption);
        var repeated = 0;
        for (var i = 0; i < order.Count; i++)
        {
            repeated += (i > 0 && byCaption(order[i - 1], order[i]) == 0) || (i + 1 < order.Count && byCaption(order[i], order[i + 1]) == 0) ? 1 : 0;
        }
        return repeated / (double)samples.Count;
    }

    // Fills the batch up with samples of one epoch; where the epoch ends first, those collected of it are dropped. Returns the index of the first new one.
    private int Pull(ref int epochsWithoutBatch)
    {
        var first = samples.Count;
        while (samples.Count < size)
        {
            stop.Token.ThrowIfCancellationRequested();
            var sample = carried ?? stream.Next() ?? throw new DataException("The data ended.");
            carried = null;
            if (samples.Count > 0 && samples[0].Epoch != sample.Epoch)
            {
                if (++epochsWithoutBatch > 1)
                {
                    throw new DataException($"An epoch has fewer good samples ({samples.Count}) than --batch-size {size}; lower --batch-size.");
                }
                DropSamples();
                carried = sample;
                return 0;
            }
            samples.Add(sample);
        }
        return first;
    }

    // Rows of the text for the samples from first on; those whose caption embeds to zero are dropped.
    private void Embed(int first, float[] text)
    {
        if (options.Captions == CaptionUse.Mean)
        {
            captions!.EmbedMean([.. samples.Skip(first).Select(s => s.Captions)]).CopyTo(text, first * captions.Width);
        }
        else
        {
            EmbedOne(first, text);
        }
        var kept = first;
        for (var i = first; i < samples.Count; i++)
        {
            var sample = samples[i];
            var row = Row(text, i);
            if (row.ContainsAnyExcept(0f))
            {
                row.CopyTo(Row(text, kept));
                samples[kept++] = sample;
                continue;
            }
            dropped.Add(sample);
        }
        samples.RemoveRange(kept, samples.Count - kept);
        foreach (var sample in dropped)
        {
            stream.Reject(sample, SampleFault.EmptyCaption, "the caption embeds to zero: it holds no known word");
            sample.Dispose();
        }
        dropped.Clear();
    }

    // Strings are made of those captions only that no store has.
    private void EmbedOne(int first, float[] text)
    {
        missing.Clear();
        for (var i = first; i < samples.Count; i++)
        {
            if (!captions!.TryGet(samples[i].CaptionText, Row(text, i)))
            {
                missing.Add(i);
            }
        }
        if (missing.Count == 0)
        {
            return;
        }
        var rows = captions!.Embed([.. missing.Select(i => samples[i].Caption!)]);
        for (var m = 0; m < missing.Count; m++)
        {
            Row(rows, m).CopyTo(Row(text, missing[m]));
        }
    }

    private Span<float> Row(float[] rows, int index) => rows.AsSpan(index * captions!.Width, captions.Width);

    public void Dispose()
    {
        stop.Cancel();
        stream.Dispose();
        thread.Join();
        carried?.Dispose();
        ready.Dispose();
        stop.Dispose();
    }
}

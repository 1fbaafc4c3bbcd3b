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

/// <summary>One training batch, packed for upload.</summary>
/// <param name="Images">The packed sources and the table of their views.</param>
/// <param name="Labels">Class indices [N]; null where the loss needs none.</param>
/// <param name="Text">Caption embeddings [N, width]; null where the loss needs none.</param>
/// <param name="Position">Where a resumed run would go on after this batch.</param>
/// <param name="Skipped">Samples skipped so far.</param>
/// <param name="Reduced">Images so far that were made smaller to fit their slot (<see cref="SourceRing.ImageBytes"/>).</param>
/// <param name="RepeatedCaptions">Share of this batch's samples whose caption another one of them has, 0 to 1; null where the loss needs no captions.</param>
public sealed record LoadedBatch(PackedBatch Images, uint[]? Labels, float[]? Text, StreamPosition Position, long Skipped, long Reduced, double? RepeatedCaptions);

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
    private ExceptionDispatchInfo? failure;
    private Sample? carried;
    private long emptyCaptions;

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
        catch (OperationCanceledException)
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

    private LoadedBatch Build()
    {
        var samples = new List<Sample>(size);
        var text = new List<float[]>(size);
        var epochsWithoutBatch = 0;
        while (samples.Count < size)
        {
            var missing = Pull(samples, size - samples.Count, ref epochsWithoutBatch);
            if (target == TargetKind.Text)
            {
                Embed(samples, missing, text);
            }
        }
        var batch = new LoadedBatch(
            PackedBatch.Views(samples, options.Views, options.OutputSize),
            target == TargetKind.Labels ? [.. samples.Select(s => (uint)s.Label!.Value)] : null,
            target == TargetKind.Text ? [.. text.SelectMany(t => t)] : null,
            stream.Position, stream.SkippedCount + emptyCaptions, stream.ReducedCount, target == TargetKind.Text ? Repeated(samples) : null);
        samples.ForEach(s => s.Dispose());
        return batch;
    }

    private static double Repeated(List<Sample> samples) =>
        samples.GroupBy(s => s.Caption, StringComparer.Ordinal).Where(g => g.Count() > 1).Sum(g => g.Count()) / (double)samples.Count;

    // Adds up to count samples of one epoch; where the epoch ends first, those collected of it are dropped. Returns the index of the first new one.
    private int Pull(List<Sample> samples, int count, ref int epochsWithoutBatch)
    {
        var first = samples.Count;
        for (var i = 0; i < count; i++)
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
                samples.ForEach(s => s.Dispose());
                samples.Clear();
                carried = sample;
                return 0;
            }
            samples.Add(sample);
        }
        return first;
    }

    private void Embed(List<Sample> samples, int first, List<float[]> text)
    {
        text.RemoveRange(Math.Min(first, text.Count), text.Count - Math.Min(first, text.Count));
        var fresh = samples.Skip(first);
        var rows = options.Captions == CaptionUse.Mean ? captions!.EmbedMean([.. fresh.Select(s => s.Captions)]) : captions!.Embed([.. fresh.Select(s => s.Caption!)]);
        var width = captions.Width;
        var kept = samples.Take(first).ToList();
        for (var i = first; i < samples.Count; i++)
        {
            var row = rows.AsSpan((i - first) * width, width).ToArray();
            if (row.AsSpan().ContainsAnyExcept(0f))
            {
                kept.Add(samples[i]);
                text.Add(row);
                continue;
            }
            emptyCaptions++;
            options.SkipLog?.Add(samples[i].Key, samples[i].Source, SampleFault.EmptyCaption, "the caption embeds to zero: it holds no known word", samples[i].Epoch, samples[i].Index);
            samples[i].Dispose();
        }
        samples.Clear();
        samples.AddRange(kept);
    }

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

using System.Collections.Concurrent;
using System.Diagnostics;
using System.Runtime.ExceptionServices;
using XClr.Data;

namespace XClr.Train;

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
    private readonly BatchCaptions? captions;
    private readonly Action<long, long>? observe;
    private readonly BlockingCollection<LoadedBatch> ready = new(Ahead);
    private readonly CancellationTokenSource stop = new();
    private readonly Thread thread;
    private readonly ConcurrentBag<LoadedBatch> spare = [];
    private ExceptionDispatchInfo? failure;

    // What is used for one batch after another, by the loader's thread.
    private readonly List<Sample> samples = [];
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
        this.captions = target == TargetKind.Text ? new BatchCaptions(captions!, options.Captions) : null;
        size = batchSize;
        stream = new SampleStream(dataset, options with { RequireCaption = target == TargetKind.Text, RequireLabel = target == TargetKind.Labels, EndEpoch = int.MaxValue });
        thread = new Thread(Run) { IsBackground = true, Name = "xclr-batches" };
        thread.Start();
    }

    /// <summary>Samples that a stream should decode ahead for batches of a size: two of them, and no fewer than keep many threads busy.</summary>
    public static int PrefetchFor(int batchSize) => Math.Max(128, 2 * batchSize);

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
            if (captions is not null)
            {
                Embed(first, batch.Text!);
            }
        }
        batch.Images.Views(samples, options.Views, options.OutputSize);
        for (var i = 0; i < size && target == TargetKind.Labels; i++)
        {
            batch.Labels![i] = (uint)samples[i].Label!.Value;
        }
        (batch.Position, batch.Skipped, batch.Reduced, batch.LostShards) = (stream.Position, stream.SkippedCount, stream.ReducedCount, stream.LostShards);
        batch.DamagedCaptions = stream.DamagedCaptions;
        batch.RepeatedCaptions = captions?.RepeatedShare(samples);
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

    // Rows of the text for the samples from first on; those whose caption embeds to zero are left out.
    private void Embed(int first, float[] text)
    {
        captions!.Embed(samples, first, text, dropped);
        foreach (var sample in dropped)
        {
            stream.Reject(sample, SampleFault.EmptyCaption, "the caption embeds to zero: it holds no known word");
            sample.Dispose();
        }
        dropped.Clear();
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

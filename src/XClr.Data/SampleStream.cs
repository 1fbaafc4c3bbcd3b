using System.Diagnostics;
using System.Runtime.ExceptionServices;

namespace XClr.Data;

/// <summary>
/// Decoded samples of one or more epochs, read ahead on worker threads. Their order and contents depend on the data, the seed
/// and the options alone, never on the number of workers. Bad samples are skipped, counted and listed. One consumer.
/// </summary>
public sealed class SampleStream : IDisposable
{
    private const int FewestForBadFraction = 1000;

    private readonly IImageDataset dataset;
    private readonly SampleStreamOptions options;
    private readonly SampleLoader loader;
    private readonly LoadQueue queue;
    private readonly CancellationTokenSource reading;
    private readonly List<Thread> threads = [];
    private readonly Dictionary<SampleFault, long> skipped = [], skippedInEpoch = [];
    private readonly HashSet<string> lostShards = new(StringComparer.Ordinal);

    private long goodInEpoch, badInEpoch, good;
    private bool disposed;
    private string firstInEpoch = "";

    /// <summary>Starts reading ahead.</summary>
    /// <param name="dataset">Stays open as long as the stream; the caller disposes of it.</param>
    /// <param name="options">See there.</param>
    public SampleStream(IImageDataset dataset, SampleStreamOptions options)
    {
        this.dataset = dataset;
        this.options = options.Validated();
        loader = new(this.options);
        queue = new(options.Prefetch, options.PrefetchBytes);
        reading = CancellationTokenSource.CreateLinkedTokenSource(options.Stop);
        reading.Token.Register(queue.Stop);
        Position = options.StartAt;
        Start("read", Read);
        for (var i = 0; i < options.Workers; i++)
        {
            var worker = i;
            Start($"decode-{i}", () => Work(worker));
        }
    }

    /// <summary>
    /// How far the consumer is: after each delivered sample, the raw samples of its epoch up to and including it. Given as
    /// <see cref="SampleStreamOptions.StartAt"/>, a new stream goes on with the next sample.
    /// </summary>
    public StreamPosition Position { get; private set; }

    /// <summary>Samples delivered by this stream.</summary>
    public long Delivered => good;

    /// <summary>Delivered samples that <see cref="DecodeOptions.MaxBytes"/> made smaller than was asked for.</summary>
    public long ReducedCount { get; private set; }

    /// <summary>Delivered samples, rejected ones included, with a caption that holds U+FFFD, which bytes that are not UTF-8 are read as.</summary>
    public long DamagedCaptions { get; private set; }

    /// <summary>Skipped samples by cause, up to <see cref="Position"/>.</summary>
    public IReadOnlyDictionary<SampleFault, long> Skipped => skipped;

    /// <summary>Number of skipped samples.</summary>
    public long SkippedCount => skipped.Values.Sum();

    /// <summary>Shards of which samples are missing because they could not be read (to their end), up to <see cref="Position"/>: their names, each once, and why. A new list where one is added.</summary>
    public IReadOnlyList<string> LostShards { get; private set; } = [];

    /// <summary>Threads that still run; 0 after <see cref="Dispose"/>.</summary>
    internal int RunningThreads => threads.Count(t => t.IsAlive);

    /// <summary>The next sample, which the caller owns; null after the last epoch.</summary>
    /// <exception cref="DataException">
    /// The set is empty, an epoch holds no good sample, or more samples are bad than <see cref="SampleStreamOptions.MaxBadFraction"/>.
    /// </exception>
    /// <exception cref="OperationCanceledException"><see cref="SampleStreamOptions.Stop"/> is set.</exception>
    public Sample? Next()
    {
        while (true)
        {
            if (TakeFinished() is not { } job)
            {
                return null;
            }
            job.Error?.Throw();
            if (job.EndsEpoch)
            {
                EndEpoch(job);
                continue;
            }
            Position = new(job.Epoch, job.Index + 1);
            if (job.Result is { } sample)
            {
                good++;
                goodInEpoch++;
                ReducedCount += sample.Image.Reduced ? 1 : 0;
                DamagedCaptions += job.Raw!.HasDamagedCaption ? 1 : 0;
                return sample;
            }
            Skip(job);
        }
    }

    private LoadJob? TakeFinished()
    {
        try
        {
            return queue.TakeFinished();
        }
        catch (ObjectDisposedException)
        {
            options.Stop.ThrowIfCancellationRequested();
            throw;
        }
    }

    /// <summary>All samples up to the end of the last epoch; each is the caller's.</summary>
    public IEnumerable<Sample> ReadAll()
    {
        while (Next() is { } sample)
        {
            yield return sample;
        }
    }

    /// <summary>Stops the threads and gives every waiting buffer back.</summary>
    public void Dispose()
    {
        if (disposed)
        {
            return;
        }
        disposed = true;
        reading.Cancel();
        foreach (var thread in threads)
        {
            thread.Join();
        }
        queue.Clear();
        reading.Dispose();
    }

    private void Start(string name, ThreadStart body)
    {
        var thread = new Thread(body) { IsBackground = true, Name = $"xclr-{name}" };
        threads.Add(thread);
        thread.Start();
    }

    // What reader or worker throws reaches the consumer in its place in the order.
    private void Read()
    {
        try
        {
            ReadEpochs();
        }
        catch (OperationCanceledException) when (reading.IsCancellationRequested)
        {
        }
        catch (Exception e)
        {
            queue.Add(ExceptionDispatchInfo.Capture(e));
        }
        // A reader that is stopped has not come to the end, and may be here before the token has told the queue.
        if (reading.IsCancellationRequested)
        {
            queue.Stop();
        }
        else
        {
            queue.EndAdding();
        }
    }

    private void ReadEpochs()
    {
        for (var epoch = options.StartAt.Epoch; epoch < options.EndEpoch; epoch++)
        {
            var start = epoch == options.StartAt.Epoch ? options.StartAt.Index : 0;
            var index = 0L;
            foreach (var raw in dataset.Read(new(options.Shuffle, options.Seed, epoch, options.ShuffleBuffer, Rank: options.Rank, WorldSize: options.WorldSize, Stop: reading.Token)))
            {
                if (index < start)
                {
                    raw.Recycle();
                }
                else if (!queue.Add(raw, epoch, index))
                {
                    return;
                }
                index++;
            }
            if (!queue.Add(null, epoch, index))
            {
                return;
            }
        }
    }

    private void Work(int worker)
    {
        while (queue.TakeWork() is { } job)
        {
            var begin = Stopwatch.GetTimestamp();
            try
            {
                job.Result = loader.Load(job.Raw!, job.Epoch, job.Index, job);
            }
            catch (ImageDecodeException e)
            {
                job.Fault = e;
            }
            catch (Exception e)
            {
                job.Error = ExceptionDispatchInfo.Capture(e);
            }
            options.Observe?.Invoke(new(worker, begin, Stopwatch.GetTimestamp()));
            queue.Finish(job);
        }
    }

    /// <summary>Counts the sample delivered last, or one before it in its epoch, among the bad ones: whoever took it cannot use it. It stays the caller's.</summary>
    /// <exception cref="DataException">More samples are bad than <see cref="SampleStreamOptions.MaxBadFraction"/>.</exception>
    public void Reject(Sample sample, SampleFault cause, string detail)
    {
        good--;
        goodInEpoch--;
        CountBad(sample.Key, sample.Source, cause, detail, sample.Epoch, sample.Index);
    }

    private void Skip(LoadJob job)
    {
        // Of a reader such a fault is a shard's.
        if (job.Raw!.Fault is SampleFault.BrokenShard or SampleFault.Unreadable && lostShards.Add(job.Raw.Source))
        {
            LostShards = [.. LostShards, $"{job.Raw.Source}: {job.Fault!.Detail.TrimEnd('.')}"];
        }
        CountBad(job.Raw.Key, job.Raw.Source, job.Fault!.Cause, job.Fault.Detail, job.Epoch, job.Index);
        job.Raw.Recycle();
    }

    private void CountBad(string key, string source, SampleFault cause, string detail, int epoch, long index)
    {
        if (badInEpoch++ == 0)
        {
            firstInEpoch = $"'{key}': {detail}";
        }
        skipped[cause] = skipped.GetValueOrDefault(cause) + 1;
        skippedInEpoch[cause] = skippedInEpoch.GetValueOrDefault(cause) + 1;
        options.OnSkip?.Invoke(new(key, source, cause, detail, epoch, index));
        if (goodInEpoch + badInEpoch >= FewestForBadFraction)
        {
            RequireFewBad();
        }
    }

    private void RequireFewBad()
    {
        var all = goodInEpoch + badInEpoch;
        if (options.MaxBadFraction is { } max && badInEpoch > max * all)
        {
            throw new DataException(
                $"'{dataset.Name}': {badInEpoch} of {all} samples are bad ({SampleFaults.Describe(skippedInEpoch)}), more than the allowed share of {max}.");
        }
    }

    private void EndEpoch(LoadJob end)
    {
        if (end.Index == 0)
        {
            throw new DataException($"'{dataset.Name}' ({dataset.Format}) holds no samples.");
        }
        // The rest of an epoch that was begun before says little by itself.
        if (end.Epoch != options.StartAt.Epoch || options.StartAt.Index == 0 || goodInEpoch + badInEpoch >= FewestForBadFraction)
        {
            RequireFewBad();
        }
        if (goodInEpoch == 0 && badInEpoch == end.Index)
        {
            throw new DataException($"'{dataset.Name}': none of {end.Index} samples can be used: {SampleFaults.Describe(skippedInEpoch)}; the first is {firstInEpoch.TrimEnd('.')}.");
        }
        (goodInEpoch, badInEpoch) = (0, 0);
        skippedInEpoch.Clear();
        Position = new(end.Epoch + 1, 0);
    }
}

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

    private readonly IImageDataset _dataset;
    private readonly SampleStreamOptions _options;
    private readonly SampleLoader _loader;
    private readonly LoadQueue _queue;
    private readonly List<Thread> _threads = [];
    private readonly Dictionary<SampleFault, long> _skipped = [], _skippedInEpoch = [];

    private long _goodInEpoch, _badInEpoch, _good;
    private string _firstInEpoch = "";

    /// <summary>Starts reading ahead.</summary>
    /// <param name="dataset">Stays open as long as the stream; the caller disposes of it.</param>
    /// <param name="options">See there.</param>
    public SampleStream(IImageDataset dataset, SampleStreamOptions options)
    {
        _dataset = dataset;
        _options = options.Validated();
        _loader = new(_options);
        _queue = new(options.Prefetch, options.PrefetchBytes);
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
    public long Delivered => _good;

    /// <summary>Delivered samples that <see cref="DecodeOptions.MaxBytes"/> made smaller than was asked for.</summary>
    public long ReducedCount { get; private set; }

    /// <summary>Skipped samples by cause, up to <see cref="Position"/>.</summary>
    public IReadOnlyDictionary<SampleFault, long> Skipped => _skipped;

    /// <summary>Number of skipped samples.</summary>
    public long SkippedCount => _skipped.Values.Sum();

    /// <summary>Threads that still run; 0 after <see cref="Dispose"/>.</summary>
    internal int RunningThreads => _threads.Count(t => t.IsAlive);

    /// <summary>The next sample, which the caller owns; null after the last epoch.</summary>
    /// <exception cref="DataException">
    /// The set is empty, an epoch holds no good sample, or more samples are bad than <see cref="SampleStreamOptions.MaxBadFraction"/>.
    /// </exception>
    public Sample? Next()
    {
        while (true)
        {
            if (_queue.TakeFinished() is not { } job)
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
                _good++;
                _goodInEpoch++;
                ReducedCount += sample.Image.Reduced ? 1 : 0;
                return sample;
            }
            Skip(job);
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
        _queue.Stop();
        foreach (var thread in _threads)
        {
            thread.Join();
        }
        _queue.Clear();
    }

    private void Start(string name, ThreadStart body)
    {
        var thread = new Thread(body) { IsBackground = true, Name = $"xclr-{name}" };
        _threads.Add(thread);
        thread.Start();
    }

    // What reader or worker throws reaches the consumer in its place in the order.
    private void Read()
    {
        try
        {
            ReadEpochs();
        }
        catch (Exception e)
        {
            _queue.Add(ExceptionDispatchInfo.Capture(e));
        }
        _queue.EndAdding();
    }

    private void ReadEpochs()
    {
        for (var epoch = _options.StartAt.Epoch; epoch < _options.EndEpoch; epoch++)
        {
            var start = epoch == _options.StartAt.Epoch ? _options.StartAt.Index : 0;
            var index = 0L;
            foreach (var raw in _dataset.Read(new(_options.Shuffle, _options.Seed, epoch, _options.ShuffleBuffer, Rank: _options.Rank, WorldSize: _options.WorldSize)))
            {
                if (index < start)
                {
                    raw.Recycle();
                }
                else if (!_queue.Add(raw, epoch, index))
                {
                    return;
                }
                index++;
            }
            if (!_queue.Add(null, epoch, index))
            {
                return;
            }
        }
    }

    private void Work(int worker)
    {
        while (_queue.TakeWork() is { } job)
        {
            var begin = Stopwatch.GetTimestamp();
            try
            {
                job.Result = _loader.Load(job.Raw!, job.Epoch, job.Index, job);
            }
            catch (ImageDecodeException e)
            {
                job.Fault = e;
            }
            catch (Exception e)
            {
                job.Error = ExceptionDispatchInfo.Capture(e);
            }
            _options.Observe?.Invoke(new(worker, begin, Stopwatch.GetTimestamp()));
            _queue.Finish(job);
        }
    }

    /// <summary>Counts the sample delivered last, or one before it in its epoch, among the bad ones: whoever took it cannot use it. It stays the caller's.</summary>
    /// <exception cref="DataException">More samples are bad than <see cref="SampleStreamOptions.MaxBadFraction"/>.</exception>
    public void Reject(Sample sample, SampleFault cause, string detail)
    {
        _good--;
        _goodInEpoch--;
        CountBad(sample.Key, sample.Source, cause, detail, sample.Epoch, sample.Index);
    }

    private void Skip(LoadJob job)
    {
        CountBad(job.Raw!.Key, job.Raw.Source, job.Fault!.Cause, job.Fault.Detail, job.Epoch, job.Index);
        job.Raw.Recycle();
    }

    private void CountBad(string key, string source, SampleFault cause, string detail, int epoch, long index)
    {
        if (_badInEpoch++ == 0)
        {
            _firstInEpoch = $"'{key}': {detail}";
        }
        _skipped[cause] = _skipped.GetValueOrDefault(cause) + 1;
        _skippedInEpoch[cause] = _skippedInEpoch.GetValueOrDefault(cause) + 1;
        _options.SkipLog?.Add(key, source, cause, detail, epoch, index);
        if (_goodInEpoch + _badInEpoch >= FewestForBadFraction)
        {
            RequireFewBad();
        }
    }

    private void RequireFewBad()
    {
        var all = _goodInEpoch + _badInEpoch;
        if (_options.MaxBadFraction is { } max && _badInEpoch > max * all)
        {
            throw new DataException(
                $"'{_dataset.Name}': {_badInEpoch} of {all} samples are bad ({SampleFaults.Describe(_skippedInEpoch)}), more than the allowed share of {max}.");
        }
    }

    private void EndEpoch(LoadJob end)
    {
        if (end.Index == 0)
        {
            throw new DataException($"'{_dataset.Name}' ({_dataset.Format}) holds no samples.");
        }
        RequireFewBad();
        if (_goodInEpoch == 0 && _badInEpoch == end.Index)
        {
            throw new DataException($"'{_dataset.Name}': none of {end.Index} samples can be used: {SampleFaults.Describe(_skippedInEpoch)}; the first is {_firstInEpoch.TrimEnd('.')}.");
        }
        (_goodInEpoch, _badInEpoch) = (0, 0);
        _skippedInEpoch.Clear();
        Position = new(end.Epoch + 1, 0);
    }
}

using System.Runtime.ExceptionServices;

namespace XClr.Data;

/// <summary>
/// What a <see cref="SampleStream"/> reads ahead: samples in the reader's order, loaded by any worker, taken by one consumer in that order. At most <paramref name="capacity"/> samples, and
/// <paramref name="capacityBytes"/> decoded bytes but for one image, wait at a time. Jobs are used again. Thread safe.
/// </summary>
internal sealed class LoadQueue(int capacity, long capacityBytes)
{
    private readonly object _gate = new();

    // All of this is guarded by _gate.
    private readonly Queue<LoadJob> _ordered = new();
    private readonly Queue<LoadJob> _todo = new();
    private readonly Stack<LoadJob> _free = new();
    private LoadJob? _taken;
    private long _bytesWaiting;
    private bool _stopped, _ended;

    /// <summary>Adds a raw sample at its place, or (null) the end of an epoch, as soon as there is room; false: stopped.</summary>
    public bool Add(RawSample? raw, int epoch, long index)
    {
        lock (_gate)
        {
            while (!_stopped && _ordered.Count >= capacity)
            {
                Monitor.Wait(_gate);
            }
            if (_stopped)
            {
                return false;
            }
            var job = (_free.TryPop(out var free) ? free : new(this)).Begin(raw, epoch, index);
            _ordered.Enqueue(job);
            if (!job.Done)
            {
                _todo.Enqueue(job);
            }
            Monitor.PulseAll(_gate);
            return true;
        }
    }

    /// <summary>Adds what the reader threw, for the consumer to throw in its place.</summary>
    public void Add(ExceptionDispatchInfo error)
    {
        lock (_gate)
        {
            _ordered.Enqueue(new(this) { Done = true, Error = error });
            Monitor.PulseAll(_gate);
        }
    }

    /// <summary>Nothing more will be added.</summary>
    public void EndAdding()
    {
        lock (_gate)
        {
            _ended = true;
            Monitor.PulseAll(_gate);
        }
    }

    /// <summary>The next sample to load; null: there will be none.</summary>
    public LoadJob? TakeWork()
    {
        lock (_gate)
        {
            while (!_stopped && _todo.Count == 0 && !_ended)
            {
                Monitor.Wait(_gate);
            }
            return _stopped ? null : _todo.TryDequeue(out var job) ? job : null;
        }
    }

    /// <summary>Says that a sample was loaded, or could not be.</summary>
    public void Finish(LoadJob job)
    {
        lock (_gate)
        {
            job.Done = true;
            Monitor.PulseAll(_gate);
        }
    }

    /// <summary>Returns when a job may take so many bytes. That of the job which the consumer waits for is never held back, so that this cannot deadlock.</summary>
    public void Reserve(LoadJob job, long bytes)
    {
        lock (_gate)
        {
            while (!_stopped && _bytesWaiting + bytes > capacityBytes && _ordered.TryPeek(out var head) && head != job)
            {
                Monitor.Wait(_gate);
            }
            job.Bytes = bytes;
            _bytesWaiting += bytes;
        }
    }

    /// <summary>The next job in order, once it is done; it is the consumer's until the next call. Null: there will be none.</summary>
    /// <exception cref="ObjectDisposedException">The queue was stopped.</exception>
    public LoadJob? TakeFinished()
    {
        lock (_gate)
        {
            if (_taken is not null)
            {
                _free.Push(_taken);
                _taken = null;
            }
            while (true)
            {
                ObjectDisposedException.ThrowIf(_stopped, typeof(SampleStream));
                if (_ordered.TryPeek(out var head) && head.Done)
                {
                    _ordered.Dequeue();
                    _bytesWaiting -= head.Bytes;
                    Monitor.PulseAll(_gate);
                    return _taken = head;
                }
                if (_ended && _ordered.Count == 0)
                {
                    return null;
                }
                Monitor.Wait(_gate);
            }
        }
    }

    /// <summary>Lets everybody go who waits.</summary>
    public void Stop()
    {
        lock (_gate)
        {
            _stopped = true;
            Monitor.PulseAll(_gate);
        }
    }

    /// <summary>Gives the buffers of samples back that nobody took; once reader and workers have ended.</summary>
    public void Clear()
    {
        while (_ordered.TryDequeue(out var job))
        {
            job.Result?.Dispose();
        }
    }
}

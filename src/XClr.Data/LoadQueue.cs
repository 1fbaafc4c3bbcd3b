using System.Runtime.ExceptionServices;

namespace XClr.Data;

/// <summary>
/// What a <see cref="SampleStream"/> reads ahead: samples in the reader's order, loaded by any worker, taken by one consumer in that order. At most <paramref name="capacity"/> samples, and
/// <paramref name="capacityBytes"/> decoded bytes but for one image, wait at a time. Jobs are used again. Thread safe.
/// </summary>
internal sealed class LoadQueue(int capacity, long capacityBytes)
{
    private readonly object gate = new();

    // One for each job in todo, and one once there will be no more, which goes from worker to worker: a sample wakes the one that loads it, not all.
    private readonly SemaphoreSlim work = new(0);

    // All of this is guarded by the gate.
    private readonly Queue<LoadJob> ordered = new();
    private readonly Queue<LoadJob> todo = new();
    private readonly Stack<LoadJob> free = new();
    private LoadJob? taken;
    private long bytesWaiting;
    private bool stopped, ended;

    /// <summary>Adds a raw sample at its place, or (null) the end of an epoch, as soon as there is room; false: stopped.</summary>
    public bool Add(RawSample? raw, int epoch, long index)
    {
        lock (gate)
        {
            while (!stopped && ordered.Count >= capacity)
            {
                Monitor.Wait(gate);
            }
            if (stopped)
            {
                return false;
            }
            var job = (this.free.TryPop(out var free) ? free : new(this)).Begin(raw, epoch, index);
            ordered.Enqueue(job);
            if (!job.Done)
            {
                todo.Enqueue(job);
                work.Release();
            }
            Monitor.PulseAll(gate);
            return true;
        }
    }

    /// <summary>Adds what the reader threw, for the consumer to throw in its place.</summary>
    public void Add(ExceptionDispatchInfo error)
    {
        lock (gate)
        {
            ordered.Enqueue(new(this) { Done = true, Error = error });
            Monitor.PulseAll(gate);
        }
    }

    /// <summary>Nothing more will be added.</summary>
    public void EndAdding()
    {
        lock (gate)
        {
            ended = true;
            Monitor.PulseAll(gate);
            work.Release();
        }
    }

    /// <summary>The next sample to load; null: there will be none.</summary>
    public LoadJob? TakeWork()
    {
        work.Wait();
        lock (gate)
        {
            if (!stopped && todo.TryDequeue(out var job))
            {
                return job;
            }
            work.Release();
            return null;
        }
    }

    /// <summary>Says that a sample was loaded, or could not be.</summary>
    public void Finish(LoadJob job)
    {
        lock (gate)
        {
            job.Done = true;
            Monitor.PulseAll(gate);
        }
    }

    /// <summary>Returns when a job may take so many bytes in place of those it has. That of the job which the consumer waits for is never held back, so that this cannot deadlock.</summary>
    public void Reserve(LoadJob job, long bytes)
    {
        lock (gate)
        {
            while (!stopped && bytes > job.Bytes && bytesWaiting + bytes - job.Bytes > capacityBytes && ordered.TryPeek(out var head) && head != job)
            {
                Monitor.Wait(gate);
            }
            bytesWaiting += bytes - job.Bytes;
            job.Bytes = bytes;
            Monitor.PulseAll(gate);
        }
    }

    /// <summary>The next job in order, once it is done; it is the consumer's until the next call. Null: there will be none.</summary>
    /// <exception cref="ObjectDisposedException">The queue was stopped.</exception>
    public LoadJob? TakeFinished()
    {
        lock (gate)
        {
            if (taken is not null)
            {
                free.Push(taken);
                taken = null;
            }
            while (true)
            {
                ObjectDisposedException.ThrowIf(stopped, typeof(SampleStream));
                if (ordered.TryPeek(out var head) && head.Done)
                {
                    ordered.Dequeue();
                    bytesWaiting -= head.Bytes;
                    Monitor.PulseAll(gate);
                    return taken = head;
                }
                if (ended && ordered.Count == 0)
                {
                    return null;
                }
                Monitor.Wait(gate);
            }
        }
    }

    /// <summary>Lets everybody go who waits.</summary>
    public void Stop()
    {
        lock (gate)
        {
            stopped = true;
            Monitor.PulseAll(gate);
            work.Release();
        }
    }

    /// <summary>Gives the buffers of samples back that nobody took; once reader and workers have ended.</summary>
    public void Clear()
    {
        while (ordered.TryDequeue(out var job))
        {
            job.Result?.Dispose();
        }
    }
}

namespace XClr.Data.Packing;

/// <summary>
/// Turns any source into WebDataset shards of reduced JPEGs. Shard k holds rows k * ShardSize and on, whatever the number of workers, so that a run that was cut off goes on
/// after the shards that are there, and ends with the same files.
/// </summary>
public sealed class ShardPacker
{
    private readonly IPackSource source;
    private readonly PackOptions options;
    private readonly ImageFetcher? fetcher;
    // The second: images that are being fetched, or wait for a worker.
    private readonly SemaphoreSlim workers, room;
    private readonly Lock gate = new();
    private long fresh, before, failed;

    /// <param name="source">The rows.</param>
    /// <param name="options">See there.</param>
    /// <param name="fetcher">Fetches the rows' addresses; null where none has one.</param>
    public ShardPacker(IPackSource source, PackOptions options, ImageFetcher? fetcher = null)
    {
        (this.source, this.options, this.fetcher) = (source, options, fetcher);
        workers = new(options.Workers);
        room = new(2 * options.Workers + (fetcher?.Connections ?? 0));
    }

    /// <summary>Packs until the end of the source. <paramref name="report"/> is called after each row, from any thread.</summary>
    /// <exception cref="DataException">The folder cannot be used, or the source has no rows.</exception>
    /// <exception cref="OperationCanceledException">Cancelled; shards that were not whole are not there.</exception>
    public async Task<PackResult> RunAsync(Action<PackProgress>? report, CancellationToken stop)
    {
        using var folder = new PackFolder(options, source);
        using var places = new SemaphoreSlim(options.ShardsAtOnce);
        using var halt = CancellationTokenSource.CreateLinkedTokenSource(stop);
        var (running, shards, resumed, number) = (new List<Task>(), new List<PackedShard>(), 0, 0);
        try
        {
            // A shard that is there is passed over without its images being read.
            foreach (var items in source.Read().Chunk(options.ShardSize))
            {
                var (shard, firstRow) = (new PackedShard(options.Folder, number), (long)number++ * options.ShardSize);
                shards.Add(shard);
                if (shard.IsDone(items) && !(options.RetryFailed && shard.HasUnreached()))
                {
                    resumed++;
                    Interlocked.Add(ref before, items.Length);
                    continue;
                }
                await places.WaitAsync(halt.Token).ConfigureAwait(false);
                running.RemoveAll(t => t.IsCompletedSuccessfully);
                running.Add(PackAsync(shard, items, firstRow, places, report, halt));
            }
            await Task.WhenAll(running).ConfigureAwait(false);
        }
        catch
        {
            // A failure cancels its siblings; the first one that is no cancellation is what is told.
            await halt.CancelAsync().ConfigureAwait(false);
            await Task.WhenAll(running).ContinueWith(_ => { }, TaskScheduler.Default).ConfigureAwait(false);
            running.Find(t => t.IsFaulted)?.GetAwaiter().GetResult();
            throw;
        }
        return Result(shards, resumed);
    }

    private PackResult Result(List<PackedShard> shards, int resumed)
    {
        var (failed, rows, good) = (new Dictionary<string, long>(), 0L, 0L);
        foreach (var shard in shards)
        {
            var (more, fine) = shard.Count(failed);
            (rows, good) = (rows + more, good + fine);
        }
        List<string> surplus = [.. Enumerable.Range(shards.Count, int.MaxValue - shards.Count).Select(n => new PackedShard(options.Folder, n).Tar).TakeWhile(File.Exists)];
        return rows > 0 ? new(shards.Count, resumed, rows, good, failed, (surplus.Count, surplus.FirstOrDefault())) : throw new DataException($"'{source.Name}' has no rows.");
    }

    private async Task PackAsync(PackedShard shard, PackItem[] items, long firstRow, SemaphoreSlim places, Action<PackProgress>? report, CancellationTokenSource halt)
    {
        try
        {
            var held = shard.Images(items);
            Interlocked.Add(ref before, held.Count);
            var rows = await Task.WhenAll(items.Select((item, i) =>
                held.TryGetValue(i, out var image) ? Task.FromResult(new PackedRow(item, image)) : PackAsync(item, report, halt.Token))).ConfigureAwait(false);
            halt.Token.ThrowIfCancellationRequested();
            shard.Write(rows, firstRow);
        }
        catch
        {
            await halt.CancelAsync().ConfigureAwait(false);
            throw;
        }
        finally
        {
            places.Release();
        }
    }

    private async Task<PackedRow> PackAsync(PackItem item, Action<PackProgress>? report, CancellationToken stop)
    {
        var row = await PackRowAsync(item, stop).ConfigureAwait(false);
        lock (gate)
        {
            fresh++;
            failed += row.Image is null ? 1 : 0;
            report?.Invoke(new(before + fresh, fresh, source.Total, failed));
        }
        return row;
    }

    private async Task<PackedRow> PackRowAsync(PackItem item, CancellationToken stop)
    {
        if (item.Sample.Fault is { } fault)
        {
            return new(item, null, fault.Name(), item.Sample.FaultDetail);
        }
        try
        {
            if (item.Address is not { } address)
            {
                return await OnWorkerAsync(() => ImagePacker.Pack(item.Sample.Image!, options), item, stop).ConfigureAwait(false);
            }
            var bytes = await fetcher!.FetchAsync(address, room, stop).ConfigureAwait(false);
            try
            {
                return await OnWorkerAsync(() => ImagePacker.Pack(bytes, options), item, stop).ConfigureAwait(false);
            }
            finally
            {
                room.Release();
            }
        }
        catch (ImageDecodeException e)
        {
            return new(item, null, e.Cause.Name(), e.Detail);
        }
        catch (FetchException e)
        {
            return new(item, null, e.Cause, e.Message);
        }
    }

    private async Task<PackedRow> OnWorkerAsync(Func<PackedImage> pack, PackItem item, CancellationToken stop)
    {
        await workers.WaitAsync(stop).ConfigureAwait(false);
        try
        {
            return await Task.Run(() => new PackedRow(item, pack()), stop).ConfigureAwait(false);
        }
        finally
        {
            workers.Release();
        }
    }
}

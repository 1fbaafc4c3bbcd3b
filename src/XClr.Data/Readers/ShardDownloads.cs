using System.Security.Cryptography;
using System.Text;

namespace XClr.Data.Readers;

/// <summary>
/// Shards behind http and https addresses, fetched whole into a folder of bounded size: what was used longest ago is deleted first, what is still to be read last. A file appears there under its final
/// name once it is whole. Thread safe; several of them, of any process, may share a folder, where both may fetch the same shard: the first one that is whole stays.
/// </summary>
internal sealed class ShardDownloads : IDisposable
{
    private static readonly TimeSpan AbandonedAfter = TimeSpan.FromDays(1);

    private readonly string folder;
    private readonly long maxBytes;
    private readonly ShardFetcher fetcher;
    private readonly Lock gate = new();

    // On their way, or here and not opened yet. What failed is not among them: only who waited for it is told.
    private readonly Dictionary<string, Task<string>> running = new(StringComparer.Ordinal);

    /// <param name="folder">Where the files lie; made where it is missing.</param>
    /// <param name="maxBytes">What they may take together; a single larger shard is refused.</param>
    /// <param name="backOff">Wait before the first retry; it doubles each time.</param>
    /// <param name="stall">The longest that a server may send nothing.</param>
    /// <param name="note">Is told of a shard that is tried again; null: nobody.</param>
    public ShardDownloads(string folder, long maxBytes, TimeSpan? backOff = null, TimeSpan? stall = null, Action<string>? note = null)
    {
        (this.folder, this.maxBytes) = (folder, maxBytes);
        fetcher = new ShardFetcher(maxBytes, backOff, stall, note);
    }

    /// <summary>Whether a shard's name is an address.</summary>
    public static bool IsAddress(string shard) =>
        shard.StartsWith("http://", StringComparison.OrdinalIgnoreCase) || shard.StartsWith("https://", StringComparison.OrdinalIgnoreCase);

    /// <summary>Starts to fetch a shard, so that a later <see cref="Open"/> waits less.</summary>
    public void Begin(string address) => Fetch(address);

    /// <summary>Opens a shard, which is fetched where it is not there.</summary>
    /// <exception cref="IOException">It cannot be had; the message says why.</exception>
    /// <exception cref="OperationCanceledException">The waiting was ended; the fetching goes on.</exception>
    public FileStream Open(string address, CancellationToken stop = default)
    {
        try
        {
            for (var attempt = 0; ; attempt++)
            {
                try
                {
                    return OpenFetched(address, stop);
                }
                catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException && attempt < ShardFetcher.Retries)
                {
                    // Its room was needed before it was opened (by another process, or since the folder holds no two such shards): it is fetched anew.
                }
            }
        }
        catch (Exception e) when (e is HttpRequestException or UnauthorizedAccessException or UriFormatException || (e is OperationCanceledException && !stop.IsCancellationRequested))
        {
            throw new IOException($"{address}: {e.Message}", e);
        }
    }

    private FileStream OpenFetched(string address, CancellationToken stop)
    {
        var fetched = Fetch(address);
        try
        {
            var path = fetched.WaitAsync(stop).GetAwaiter().GetResult();
            UnlessForeign(() => File.SetLastAccessTimeUtc(path, DateTime.UtcNow));
            return new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete, bufferSize: 0);
        }
        finally
        {
            lock (gate)
            {
                // Another one may have opened it before, and a third one have it fetched anew.
                if (fetched.IsCompleted && running.GetValueOrDefault(address) == fetched)
                {
                    running.Remove(address);
                }
            }
        }
    }

    /// <summary>Deletes what was fetched, so that the next <see cref="Open"/> fetches it anew: it turned out to be no whole archive.</summary>
    public void Forget(string address) => File.Delete(Path.Combine(folder, FileOf(address)));

    /// <inheritdoc cref="ShardFetcher.TryReadSmall"/>
    public byte[]? TryReadSmall(string address, CancellationToken stop) => fetcher.TryReadSmall(address, stop);

    /// <inheritdoc/>
    public void Dispose()
    {
        fetcher.Stop();
        Task[] running;
        lock (gate)
        {
            running = [.. this.running.Values];
        }
        // What they threw was for whoever opened them.
        Task.WhenAll(running).ContinueWith(_ => { }, TaskScheduler.Default).Wait();
        fetcher.Dispose();
    }

    private Task<string> Fetch(string address)
    {
        var path = Path.Combine(folder, FileOf(address));
        lock (gate)
        {
            if (!running.TryGetValue(address, out var task))
            {
                task = File.Exists(path) ? Task.FromResult(path) : Task.Run(() => FetchAsync(address, path));
                running.Add(address, task);
            }
            return task;
        }
    }

    /// <summary>The name that an address's file has: a hash, since an address may hold a secret.</summary>
    internal static string FileOf(string address) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(address)))[..32] + ".shard";

    private async Task<string> FetchAsync(string address, string path)
    {
        // A name of its own: numbers of processes repeat on machines, and in containers, that share the folder.
        var part = $"{path}.{Guid.NewGuid():N}.part";
        try
        {
            Directory.CreateDirectory(folder);
            await fetcher.FetchAsync(address, part).ConfigureAwait(false);
            Keep(part, path);
            return path;
        }
        catch
        {
            lock (gate)
            {
                running.Remove(address);
            }
            throw;
        }
        finally
        {
            if (File.Exists(part))
            {
                File.Delete(part);
            }
        }
    }

    private void Keep(string part, string path)
    {
        lock (gate)
        {
            // Another process may have been faster.
            if (!File.Exists(path))
            {
                MakeRoom(new FileInfo(part).Length);
                File.Move(part, path, overwrite: true);
            }
        }
    }

    // Deleting a file that someone reads does no harm: it is gone when they close it. One that was fetched and not opened yet goes last.
    private void MakeRoom(long wanted)
    {
        DeleteAbandoned();
        var awaited = running.Keys.Select(FileOf).ToHashSet(StringComparer.Ordinal);
        // Another process may delete them at the same time; length and time are those of when a file was looked at first.
        var files = new DirectoryInfo(folder).GetFiles("*.shard").Where(f => f.Exists).OrderBy(f => awaited.Contains(f.Name)).ThenBy(f => f.LastAccessTimeUtc).ToList();
        var held = files.Sum(f => f.Length);
        foreach (var file in files)
        {
            if (held + wanted <= maxBytes)
            {
                break;
            }
            var bytes = file.Length;
            held -= UnlessForeign(file.Delete) ? bytes : 0;
        }
        if (held + wanted > maxBytes)
        {
            throw new IOException($"a shard of {wanted} bytes has no room in the cache '{folder}': other users' files take {held} of its {maxBytes} bytes (XCLR_SHARD_CACHE_GB), and cannot be deleted. Name another folder by XCLR_CACHE.");
        }
    }

    // Parts of runs that were killed.
    private void DeleteAbandoned()
    {
        foreach (var part in new DirectoryInfo(folder).GetFiles("*.part").Where(f => f.LastWriteTimeUtc < DateTime.UtcNow - AbandonedAfter))
        {
            UnlessForeign(part.Delete);
        }
    }

    // False where the file is another user's, who sees to it.
    private static bool UnlessForeign(Action change)
    {
        try
        {
            change();
            return true;
        }
        catch (Exception e) when (e is UnauthorizedAccessException or IOException and not FileNotFoundException)
        {
            return false;
        }
    }
}

using System.Net;
using System.Net.Http.Headers;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Text;

namespace XClr.Data.Readers;

/// <summary>
/// Shards behind http and https addresses, fetched whole into a folder of bounded size: what was used longest ago is deleted first, what is still to be read last. A file appears there under its final
/// name once it is whole. Thread safe; several of them, of any process, may share a folder, where both may fetch the same shard: the first one that is whole stays.
/// </summary>
internal sealed class ShardDownloads : IDisposable
{
    private const int Retries = 4;
    private const int MaxSmall = 1 << 20;

    private static readonly TimeSpan AbandonedAfter = TimeSpan.FromDays(1);

    private readonly string folder;
    private readonly long maxBytes;
    private readonly TimeSpan backOff, stall;
    private readonly Action<string>? note;
    private readonly HttpClient client = new(new SocketsHttpHandler { UseCookies = false, MaxAutomaticRedirections = 5, AutomaticDecompression = DecompressionMethods.None, ConnectTimeout = TimeSpan.FromSeconds(20) })
    {
        Timeout = Timeout.InfiniteTimeSpan,
    };

    private readonly Lock gate = new();

    // On their way, or here and not opened yet. What failed is not among them: only who waited for it is told.
    private readonly Dictionary<string, Task<string>> running = new(StringComparer.Ordinal);
    private readonly CancellationTokenSource stop = new();

    /// <param name="folder">Where the files lie; made where it is missing.</param>
    /// <param name="maxBytes">What they may take together; a single larger shard is refused.</param>
    /// <param name="backOff">Wait before the first retry; it doubles each time.</param>
    /// <param name="stall">The longest that a server may send nothing.</param>
    /// <param name="note">Is told of a shard that is tried again; null: nobody.</param>
    public ShardDownloads(string folder, long maxBytes, TimeSpan? backOff = null, TimeSpan? stall = null, Action<string>? note = null)
    {
        (this.folder, this.maxBytes, this.note) = (folder, maxBytes, note);
        (this.backOff, this.stall) = (backOff ?? TimeSpan.FromSeconds(1), stall ?? TimeSpan.FromSeconds(30));
        client.DefaultRequestHeaders.UserAgent.ParseAdd("xclr/0.1");
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
                catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException && attempt < Retries)
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

    /// <summary>A small file beside a shard, such as its statistics; null where there is none.</summary>
    /// <exception cref="OperationCanceledException">The waiting was ended.</exception>
    public byte[]? TryReadSmall(string address, CancellationToken stop)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(stop);
        limit.CancelAfter(stall);
        try
        {
            using var response = client.Send(new HttpRequestMessage(HttpMethod.Get, address), HttpCompletionOption.ResponseHeadersRead, limit.Token);
            if (response.StatusCode != HttpStatusCode.OK || response.Content.Headers.ContentLength > MaxSmall)
            {
                return null;
            }
            using var body = response.Content.ReadAsStream(limit.Token);
            var bytes = new byte[MaxSmall];
            return bytes[..body.ReadAtLeastAsync(bytes, MaxSmall, throwOnEndOfStream: false, limit.Token).AsTask().GetAwaiter().GetResult()];
        }
        catch (Exception e) when (e is HttpRequestException or IOException or UriFormatException || (e is OperationCanceledException && !stop.IsCancellationRequested))
        {
            return null;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        stop.Cancel();
        Task[] running;
        lock (gate)
        {
            running = [.. this.running.Values];
        }
        // What they threw was for whoever opened them.
        Task.WhenAll(running).ContinueWith(_ => { }, TaskScheduler.Default).Wait();
        client.Dispose();
        stop.Dispose();
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
            await FetchPartAsync(address, part).ConfigureAwait(false);
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

    private async Task FetchPartAsync(string address, string part)
    {
        var version = new StrongBox<RangeConditionHeaderValue?>();
        for (var attempt = 0; ; attempt++)
        {
            TimeSpan wait;
            try
            {
                await AppendAsync(address, part, version).ConfigureAwait(false);
                return;
            }
            catch (Exception e) when (MayPass(e) && attempt < Retries && !stop.IsCancellationRequested)
            {
                wait = RetryWait.Of(backOff * Math.Pow(2, attempt), (e as StatusException)?.RetryAfter);
                if (attempt == 0)
                {
                    note?.Invoke($"{address}: {e.Message.TrimEnd('.')}; it is tried {Retries} times more");
                }
            }
            await Task.Delay(wait, stop.Token).ConfigureAwait(false);
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

    private bool MayPass(Exception e) => e switch
    {
        // 206: not the part that was asked for; 416: all of it was there, and is not any more. Both are begun anew.
        HttpRequestException { StatusCode: { } status } => (int)status is 206 or 408 or 416 or 429 or >= 500,
        HttpRequestException => true,
        OperationCanceledException => !stop.IsCancellationRequested,
        _ => false,
    };

    // One attempt. It goes on after the bytes of the one before, where the server gives ranges, and of that version of the file, where the server names versions.
    private async Task AppendAsync(string address, string part, StrongBox<RangeConditionHeaderValue?> version)
    {
        await using var file = new FileStream(part, FileMode.OpenOrCreate, FileAccess.Write, FileShare.None);
        using var request = new HttpRequestMessage(HttpMethod.Get, address);
        if (file.Length > 0)
        {
            request.Headers.Range = new RangeHeaderValue(file.Length, null);
            request.Headers.IfRange = version.Value;
        }
        using var quiet = CancellationTokenSource.CreateLinkedTokenSource(stop.Token);
        quiet.CancelAfter(stall);
        using var response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, quiet.Token).ConfigureAwait(false);
        var goesOn = response.StatusCode == HttpStatusCode.PartialContent && response.Content.Headers.ContentRange?.From == file.Length;
        if (!goesOn)
        {
            file.SetLength(0);
            if (response.StatusCode != HttpStatusCode.OK)
            {
                throw new StatusException(response);
            }
            version.Value = VersionOf(response);
        }
        var whole = goesOn ? response.Content.Headers.ContentRange!.Length : null;
        RequireFits(whole ?? file.Length + (response.Content.Headers.ContentLength ?? 0));
        file.Seek(0, SeekOrigin.End);
        await using var body = await response.Content.ReadAsStreamAsync(quiet.Token).ConfigureAwait(false);
        var block = new byte[1 << 17];
        while (await ReceiveAsync(body, block, quiet.Token).ConfigureAwait(false) is > 0 and var count)
        {
            RequireFits(file.Length + count);
            await file.WriteAsync(block.AsMemory(0, count), stop.Token).ConfigureAwait(false);
            quiet.CancelAfter(stall);
        }
        if (whole is { } length && file.Length != length)
        {
            throw new HttpRequestException($"{file.Length} of {length} bytes came");
        }
    }

    private static RangeConditionHeaderValue? VersionOf(HttpResponseMessage response) =>
        response.Headers.ETag is { IsWeak: false } tag ? new(tag) : response.Content.Headers.LastModified is { } date ? new(date) : null;

    // What fails here is the connection, which may come back; what fails in writing, such as a full disk, is final.
    private static async Task<int> ReceiveAsync(Stream body, byte[] block, CancellationToken quiet)
    {
        try
        {
            return await body.ReadAsync(block, quiet).ConfigureAwait(false);
        }
        catch (IOException e)
        {
            throw new HttpRequestException((e.InnerException ?? e).Message, e);
        }
    }

    private void RequireFits(long bytes)
    {
        if (bytes > maxBytes)
        {
            throw new IOException($"a shard of {bytes} bytes is more than the cache's {maxBytes} (XCLR_SHARD_CACHE_GB)");
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

    private sealed class StatusException(HttpResponseMessage response) : HttpRequestException($"status {(int)response.StatusCode}", null, response.StatusCode)
    {
        /// <summary>How long the server asks to be left alone; null: it does not say.</summary>
        public TimeSpan? RetryAfter { get; } = RetryWait.Asked(response);
    }
}

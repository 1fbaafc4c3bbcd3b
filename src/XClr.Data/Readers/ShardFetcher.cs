using System.Net;
using System.Net.Http.Headers;
using System.Runtime.CompilerServices;

namespace XClr.Data.Readers;

/// <summary>Fetches files from http and https addresses: retries, silence, ranges, versions. Thread safe.</summary>
internal sealed class ShardFetcher : IDisposable
{
    /// <summary>Attempts after the first.</summary>
    public const int Retries = 4;

    private const int MaxSmall = 1 << 20;

    private readonly long maxBytes;
    private readonly TimeSpan backOff, stall;
    private readonly Action<string>? note;
    private readonly HttpClient client = new(new SocketsHttpHandler { UseCookies = false, MaxAutomaticRedirections = 5, AutomaticDecompression = DecompressionMethods.None, ConnectTimeout = TimeSpan.FromSeconds(20) })
    {
        Timeout = Timeout.InfiniteTimeSpan,
    };

    private readonly CancellationTokenSource stop = new();

    /// <param name="maxBytes">A larger file is refused.</param>
    /// <param name="backOff">Wait before the first retry; it doubles each time.</param>
    /// <param name="stall">The longest that a server may send nothing.</param>
    /// <param name="note">Is told of a file that is tried again; null: nobody.</param>
    public ShardFetcher(long maxBytes, TimeSpan? backOff, TimeSpan? stall, Action<string>? note)
    {
        (this.maxBytes, this.note) = (maxBytes, note);
        (this.backOff, this.stall) = (backOff ?? TimeSpan.FromSeconds(1), stall ?? TimeSpan.FromSeconds(30));
        client.DefaultRequestHeaders.UserAgent.ParseAdd("xclr/0.1");
    }

    /// <summary>A small file beside a shard, such as its statistics; null where there is none.</summary>
    /// <exception cref="OperationCanceledException">The waiting was ended.</exception>
    public byte[]? TryReadSmall(string address, CancellationToken cancel)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancel);
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
        catch (Exception e) when (e is HttpRequestException or IOException or UriFormatException || (e is OperationCanceledException && !cancel.IsCancellationRequested))
        {
            return null;
        }
    }

    /// <summary>Fetches a file to <paramref name="part"/>, which is made; a transfer that breaks off goes on where it stopped.</summary>
    /// <exception cref="IOException">The file is too large, or cannot be written.</exception>
    /// <exception cref="HttpRequestException">The server did not give it, at any attempt.</exception>
    /// <exception cref="OperationCanceledException">The server was silent at the last attempt, or the fetcher is disposed of.</exception>
    public async Task FetchAsync(string address, string part)
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

    /// <summary>Ends what is on its way.</summary>
    public void Stop() => stop.Cancel();

    /// <inheritdoc/>
    public void Dispose()
    {
        client.Dispose();
        stop.Dispose();
    }

    private sealed class StatusException(HttpResponseMessage response) : HttpRequestException($"status {(int)response.StatusCode}", null, response.StatusCode)
    {
        /// <summary>How long the server asks to be left alone; null: it does not say.</summary>
        public TimeSpan? RetryAfter { get; } = RetryWait.Asked(response);
    }
}

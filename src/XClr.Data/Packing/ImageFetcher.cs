using System.Buffers;
using System.Net;

namespace XClr.Data.Packing;

/// <summary>Fetches images over http and https, bounded in time, bytes, redirects, attempts and connections. Nothing else is trusted: lengths and types are checked. Thread safe.</summary>
public sealed class ImageFetcher : IDisposable
{
    private const string UserAgent = "xclr-pack/0.1";

    private readonly FetchOptions options;
    private readonly HttpClient client;
    private readonly SemaphoreSlim connections;

    /// <param name="options">See there.</param>
    public ImageFetcher(FetchOptions options)
    {
        this.options = options;
        connections = new(options.Connections);
        var handler = new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseCookies = false,
            AutomaticDecompression = DecompressionMethods.None,
            ConnectTimeout = options.Timeout,
            PooledConnectionIdleTimeout = TimeSpan.FromSeconds(10),
            MaxResponseHeadersLength = 64,
        };
        client = new HttpClient(handler) { Timeout = Timeout.InfiniteTimeSpan };
        client.DefaultRequestHeaders.UserAgent.ParseAdd(UserAgent);
        client.DefaultRequestHeaders.Accept.ParseAdd("image/*");
    }

    /// <summary>Images that are received at a time.</summary>
    public int Connections => options.Connections;

    /// <summary>The body behind an address, after redirects and retries. It takes a place of <paramref name="room"/>, which the caller gives back once it is done with the bytes; none is held while waiting.</summary>
    /// <exception cref="FetchException">It cannot be had.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public async Task<byte[]> FetchAsync(string address, SemaphoreSlim room, CancellationToken stop)
    {
        for (var attempt = 0; ; attempt++)
        {
            TimeSpan wait;
            await room.WaitAsync(stop).ConfigureAwait(false);
            try
            {
                return await AttemptAsync(address, stop).ConfigureAwait(false);
            }
            catch (FetchException e) when (e.MayPass && attempt < options.Retries)
            {
                room.Release();
                var backOff = options.BackOff * Math.Pow(2, attempt) * (1 + Random.Shared.NextDouble() / 2);
                wait = RetryWait.Of(backOff, e.RetryAfter);
            }
            catch
            {
                room.Release();
                throw;
            }
            await Task.Delay(wait, stop).ConfigureAwait(false);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        client.Dispose();
        connections.Dispose();
    }

    private async Task<byte[]> AttemptAsync(string address, CancellationToken stop)
    {
        await connections.WaitAsync(stop).ConfigureAwait(false);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(stop);
        try
        {
            limit.CancelAfter(options.Timeout);
            return await FollowAsync(Parse(address), limit.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!stop.IsCancellationRequested)
        {
            throw new FetchException("timeout", $"not there after {options.Timeout.TotalSeconds:0.###} s", mayPass: true);
        }
        catch (HttpIOException e) when (e.HttpRequestError == HttpRequestError.ResponseEnded)
        {
            throw new FetchException("cut-short", "the body ends before its announced length", mayPass: true);
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            throw new FetchException("unreachable", (e.InnerException ?? e).Message, mayPass: true);
        }
        finally
        {
            connections.Release();
        }
    }

    private async Task<byte[]> FollowAsync(Uri address, CancellationToken limit)
    {
        var seen = new HashSet<Uri> { address };
        while (true)
        {
            using var response = await client.GetAsync(address, HttpCompletionOption.ResponseHeadersRead, limit).ConfigureAwait(false);
            if ((int)response.StatusCode is not (301 or 302 or 303 or 307 or 308))
            {
                RequireImage(response);
                return await ReadAsync(response.Content, limit).ConfigureAwait(false);
            }
            address = Next(address, response);
            if (!seen.Add(address))
            {
                throw new FetchException("redirects", $"a loop that comes back to {address}");
            }
            if (seen.Count > options.MaxRedirects + 1)
            {
                throw new FetchException("redirects", $"more than {options.MaxRedirects}");
            }
        }
    }

    private static Uri Next(Uri address, HttpResponseMessage response)
    {
        if (response.Headers.Location is not { } next)
        {
            throw new FetchException("redirects", $"status {(int)response.StatusCode} without an address");
        }
        return Uri.TryCreate(address, next, out var whole)
            ? Parse(whole.AbsoluteUri)
            : throw new FetchException("redirects", $"status {(int)response.StatusCode} to '{next.OriginalString}', which is no address");
    }

    private void RequireImage(HttpResponseMessage response)
    {
        var status = (int)response.StatusCode;
        if (status != 200)
        {
            throw new FetchException("http-status", $"status {status}", mayPass: status is 408 or 429 or >= 500)
            {
                RetryAfter = RetryWait.Asked(response),
            };
        }
        // Servers that do not know better say octet-stream; the bytes will tell.
        var type = response.Content.Headers.ContentType?.MediaType;
        if (type is not null && !type.StartsWith("image/", StringComparison.OrdinalIgnoreCase) && !type.EndsWith("/octet-stream", StringComparison.OrdinalIgnoreCase))
        {
            throw new FetchException("content-type", $"{type} is no image");
        }
        if (response.Content.Headers.ContentLength is { } length && length > options.MaxBytes)
        {
            throw new FetchException("too-large", $"{length} bytes announced, at most {options.MaxBytes} are read");
        }
    }

    // The announced length is a hint at most: what is held grows with what arrives.
    private async Task<byte[]> ReadAsync(HttpContent content, CancellationToken limit)
    {
        await using var body = await content.ReadAsStreamAsync(limit).ConfigureAwait(false);
        using var held = new MemoryStream();
        var buffer = ArrayPool<byte>.Shared.Rent(1 << 16);
        try
        {
            while (await body.ReadAsync(buffer, limit).ConfigureAwait(false) is > 0 and var count)
            {
                if (held.Length + count > options.MaxBytes)
                {
                    throw new FetchException("too-large", $"more than {options.MaxBytes} bytes");
                }
                held.Write(buffer, 0, count);
            }
            return held.ToArray();
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private static Uri Parse(string address) =>
        Uri.TryCreate(address, UriKind.Absolute, out var uri) && (uri.Scheme == Uri.UriSchemeHttp || uri.Scheme == Uri.UriSchemeHttps)
            ? uri
            : throw new FetchException("bad-address", $"'{address}' is no http or https address");
}

using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace XClr.Data.Tests;

/// <summary>A web server on this machine that misbehaves as its paths say: it writes raw bytes, so that it can lie about everything.</summary>
internal sealed class HostileServer : IDisposable
{
    private readonly TcpListener listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource stop = new();
    private int open;

    public HostileServer()
    {
        listener.Start();
        Root = $"http://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}";
        _ = AcceptAsync();
    }

    public string Root { get; }

    /// <summary>Requests by path.</summary>
    public ConcurrentDictionary<string, int> Requests { get; } = new();

    /// <summary>Files by path, given whole, or from the byte that a range asks for. Paths under /cut/ end in the middle the first time, those under /cut-always/ every time;
    /// those under /reset/ the first time with a reset. Of a range under /elsewhere/ it gives the first time another part, under /bare/ no word of which part it gives, under /short/ half of it. Those under /changed/ are another version from the second request on: the first one is cut, and all its bytes are 1 more. /held/ waits for <see cref="Held"/>.</summary>
    public ConcurrentDictionary<string, byte[]> Files { get; } = new();

    /// <summary>What files under /held/ wait for.</summary>
    public TaskCompletionSource Held { get; } = new();

    /// <summary>Retry-After of 503, as written; null: none.</summary>
    public string? RetryAfter { get; set; }

    /// <summary>When requests for a path began, in order.</summary>
    public ConcurrentQueue<(string Path, long Timestamp)> Log { get; } = new();

    /// <summary>Whether /dark is without an answer.</summary>
    public bool Dark { get; set; }

    /// <summary>The most requests that were open at once.</summary>
    public int MostOpen { get; private set; }

    public void Dispose()
    {
        stop.Cancel();
        listener.Stop();
    }

    private async Task AcceptAsync()
    {
        while (!stop.IsCancellationRequested)
        {
            var client = await listener.AcceptTcpClientAsync(stop.Token);
            _ = ServeAsync(client);
        }
    }

    private async Task ServeAsync(TcpClient client)
    {
        using (client)
        {
            var stream = client.GetStream();
            using var reader = new StreamReader(stream, Encoding.Latin1, leaveOpen: true);
            var path = (await reader.ReadLineAsync(stop.Token))?.Split(' ')[1] ?? "";
            var (from, version) = (0, "");
            while (await reader.ReadLineAsync(stop.Token) is { Length: > 0 } header)
            {
                from = header.StartsWith("Range: bytes=", StringComparison.OrdinalIgnoreCase) ? int.Parse(header[13..].TrimEnd('-')) : from;
                version = header.StartsWith("If-Range: ", StringComparison.OrdinalIgnoreCase) ? header[10..] : version;
            }
            Log.Enqueue((path, Stopwatch.GetTimestamp()));
            var count = Requests.AddOrUpdate(path, 1, (_, n) => n + 1);
            from = version.Length > 0 && version != Tag(count) ? 0 : from;
            lock (Requests)
            {
                MostOpen = Math.Max(MostOpen, ++open);
            }
            try
            {
                await (Files.TryGetValue(path, out var file) ? GiveAsync(stream, path, file, from, count) : AnswerAsync(stream, path, count));
                if (path.StartsWith("/reset/", StringComparison.Ordinal) && count == 1)
                {
                    // What was sent is taken first: a reset throws away what the other side has not read.
                    await Task.Delay(200, stop.Token);
                    client.Client.Close(timeout: 0);
                }
            }
            finally
            {
                lock (Requests)
                {
                    open--;
                }
            }
        }
    }

    private async Task GiveAsync(NetworkStream stream, string path, byte[] file, int from, int count)
    {
        var kind = path.Split('/')[1];
        if (kind == "held")
        {
            await Held.Task.WaitAsync(stop.Token);
        }
        if (kind == "changed" && count == 1)
        {
            file = [.. file.Select(b => (byte)(b + 1))];
        }
        var cut = kind == "cut-always" || (kind is "cut" or "reset" or "changed" or "elsewhere" or "bare" or "short" && count == 1);
        if (kind == "elsewhere" && count == 2)
        {
            from /= 2;
        }
        var end = kind == "short" && count == 2 ? (from + file.Length) / 2 : file.Length;
        var range = kind == "bare" ? "" : $"Content-Range: bytes {from}-{end - 1}/{file.Length}\r\n";
        var head = from == 0 ? $"HTTP/1.1 200 OK\r\n" : $"HTTP/1.1 206 Partial Content\r\n{range}";
        await stream.WriteAsync(Encoding.ASCII.GetBytes($"{head}{(kind == "changed" ? $"ETag: {Tag(count)}\r\n" : "")}Content-Length: {end - from}\r\nConnection: close\r\n\r\n"));
        await stream.WriteAsync(file.AsMemory(from, (end - from) / (cut ? 2 : 1)));
    }

    private static string Tag(int request) => request == 1 ? "\"old\"" : "\"new\"";

    // /good/RED.jpg, /slow/RED.jpg (50 ms), /stall-head, /stall-body, /loop, /hops/N, /odd-address/N, /dark (nothing while Dark is set), /truncated, /short-length, /404, /html, /large, /endless, /flaky/K (503 K times), /nowhere, /octets.
    private async Task AnswerAsync(NetworkStream stream, string path, int count)
    {
        var parts = path.TrimStart('/').Split('/');
        var number = parts.Length > 1 && int.TryParse(Path.GetFileNameWithoutExtension(parts[1]), out var parsed) ? parsed : 0;
        var image = TestImages.Solid(number);
        switch (parts[0])
        {
            case "slow":
                await Task.Delay(50);
                await SendAsync(stream, "200 OK", image, "image/jpeg", image.Length);
                break;
            case "stall-head":
                await Task.Delay(Timeout.Infinite, stop.Token);
                break;
            case "stall-body":
                await SendAsync(stream, "200 OK", image[..100], "image/jpeg", image.Length);
                await Task.Delay(Timeout.Infinite, stop.Token);
                break;
            case "loop":
                await RedirectAsync(stream, path == "/loop/a" ? "/loop/b" : "/loop/a");
                break;
            case "hops":
                await RedirectAsync(stream, number > 1 ? $"/hops/{number - 1}" : "/good/77.jpg");
                break;
            case "odd-address":
                await RedirectAsync(stream, new[] { "//[", "///", "//:99999/", "http://[" }[number]);
                break;
            case "dark" when Dark:
                break;
            case "file":
                await RedirectAsync(stream, "file:///etc/passwd");
                break;
            case "truncated":
                await SendAsync(stream, "200 OK", image[..(image.Length / 2)], "image/jpeg", image.Length);
                break;
            case "short-length":
                await SendAsync(stream, "200 OK", image, "image/jpeg", image.Length / 2);
                break;
            case "404":
                await SendAsync(stream, "404 Not Found", "gone"u8.ToArray(), "text/plain", 4);
                break;
            case "html":
                await SendAsync(stream, "200 OK", "<html>parked</html>"u8.ToArray(), "text/html; charset=utf-8", 19);
                break;
            case "html-as-jpeg":
                await SendAsync(stream, "200 OK", "<html>parked</html>"u8.ToArray(), "image/jpeg", 19);
                break;
            case "large":
                await SendAsync(stream, "200 OK", image, "image/jpeg", 1L << 40);
                break;
            case "endless":
                await SendAsync(stream, "200 OK", [], "image/jpeg", null);
                while (true)
                {
                    await stream.WriteAsync(new byte[1 << 16]);
                }
            case "flaky" when count <= number:
                await SendAsync(stream, "503 Service Unavailable" + (RetryAfter is null ? "" : $"\r\nRetry-After: {RetryAfter}"), [], "text/plain", 0);
                break;
            case "octets":
                await SendAsync(stream, "200 OK", image, "application/octet-stream", null);
                break;
            case "garbage":
                await stream.WriteAsync("this is no HTTP\r\n\r\n"u8.ToArray());
                break;
            default:
                await SendAsync(stream, "200 OK", image, "image/jpeg", image.Length);
                break;
        }
    }

    private static Task RedirectAsync(NetworkStream stream, string to) =>
        stream.WriteAsync(Encoding.ASCII.GetBytes($"HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")).AsTask();

    private static async Task SendAsync(NetworkStream stream, string status, byte[] body, string type, long? length)
    {
        var announced = length is null ? "" : $"Content-Length: {length}\r\n";
        await stream.WriteAsync(Encoding.ASCII.GetBytes($"HTTP/1.1 {status}\r\nContent-Type: {type}\r\n{announced}Connection: close\r\n\r\n"));
        await stream.WriteAsync(body);
    }
}

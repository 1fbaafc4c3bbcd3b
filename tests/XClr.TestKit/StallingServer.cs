using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace XClr.TestKit;

/// <summary>A web server on this machine with one shard, /0.tar, of eight pictures with captions and labels. It has no statistics, and never answers to anything else.</summary>
public sealed class StallingServer : IDisposable
{
    // A 1 x 1 PNG.
    private const string Picture = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

    private readonly TcpListener listener = new(IPAddress.Loopback, 0);
    private readonly ConcurrentBag<TcpClient> waiting = [];
    private readonly byte[] shard = TestShards.Tar(Enumerable.Range(0, 8).SelectMany(i => new (string, byte[])[]
    {
        ($"{i}.png", Convert.FromBase64String(Picture)), ($"{i}.txt", Encoding.ASCII.GetBytes($"{i} dogs and a cat")), ($"{i}.cls", Encoding.ASCII.GetBytes($"{i % 2}")),
    }));

    public StallingServer()
    {
        listener.Start();
        Root = $"http://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}";
        _ = AcceptAsync();
    }

    public string Root { get; }

    /// <summary>Whether somebody waits for an answer that never comes.</summary>
    public bool IsWaitedFor => !waiting.IsEmpty;

    public void Dispose()
    {
        listener.Dispose();
        foreach (var client in waiting)
        {
            client.Dispose();
        }
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                _ = ServeAsync(await listener.AcceptTcpClientAsync().ConfigureAwait(false));
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // It was disposed of.
        }
    }

    private async Task ServeAsync(TcpClient client)
    {
        var stream = client.GetStream();
        using var reader = new StreamReader(stream, Encoding.Latin1, leaveOpen: true);
        var path = (await reader.ReadLineAsync().ConfigureAwait(false))?.Split(' ')[1];
        while (await reader.ReadLineAsync().ConfigureAwait(false) is { Length: > 0 })
        {
        }
        var answer = path == "/0.tar" ? shard : path?.EndsWith(".json", StringComparison.Ordinal) == true ? [] : null;
        if (answer is null)
        {
            waiting.Add(client);
            return;
        }
        var status = answer.Length > 0 ? "200 OK" : "404 Not Found";
        await stream.WriteAsync(Encoding.ASCII.GetBytes($"HTTP/1.1 {status}\r\nContent-Length: {answer.Length}\r\nConnection: close\r\n\r\n")).ConfigureAwait(false);
        await stream.WriteAsync(answer).ConfigureAwait(false);
        client.Dispose();
    }
}

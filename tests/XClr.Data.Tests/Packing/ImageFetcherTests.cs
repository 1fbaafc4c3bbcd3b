using System.Diagnostics;
using XClr.Data.Packing;

namespace XClr.Data.Tests;

/// <summary>One image from a server that stalls, loops, truncates, lies and answers with anything.</summary>
public sealed class ImageFetcherTests
{
    internal static readonly FetchOptions Quick = new() { Timeout = TimeSpan.FromSeconds(5), Retries = 1, BackOff = TimeSpan.FromMilliseconds(10), MaxBytes = 1 << 20, Connections = 8 };

    private static string Fetch(HostileServer server, string path, FetchOptions? options = null)
    {
        using var fetcher = new ImageFetcher(options ?? Quick);
        try
        {
            return $"{fetcher.FetchAsync(server.Root + path, new(1), default).GetAwaiter().GetResult().Length} bytes";
        }
        catch (FetchException e)
        {
            return $"{e.Cause}: {e.Message}";
        }
    }

    [Theory]
    [InlineData("/loop/a", "redirects: a loop", 1)]
    [InlineData("/hops/6", "redirects: more than 5", 1)]
    [InlineData("/odd-address/0", "redirects: status 302 to '//['", 1)]
    [InlineData("/odd-address/1", "redirects: status 302 to", 1)]
    [InlineData("/odd-address/2", "redirects: status 302 to '//:99999/'", 1)]
    [InlineData("/odd-address/3", "redirects: status 302 ", 1)]
    [InlineData("/file", "bad-address: 'file:///etc/passwd'", 1)]
    [InlineData("/truncated", "cut-short: ", 2)]
    [InlineData("/404", "http-status: status 404", 1)]
    [InlineData("/flaky/9", "http-status: status 503", 2)]
    [InlineData("/html", "content-type: text/html", 1)]
    [InlineData("/large", "too-large: 1099511627776 bytes announced", 1)]
    [InlineData("/endless", "too-large: more than 1048576 bytes", 1)]
    [InlineData("/garbage", "unreachable: ", 2)]
    [InlineData("/hops/5", " bytes", 1)]
    [InlineData("/flaky/1", " bytes", 2)]
    [InlineData("/octets", " bytes", 1)]
    public void Every_answer_has_its_cause(string path, string expected, int requests)
    {
        using var server = new HostileServer();
        Assert.Contains(expected, Fetch(server, path));
        Assert.Equal(requests, server.Requests[path]);
    }

    [Theory]
    [InlineData("/stall-head")]
    [InlineData("/stall-body")]
    public void A_stall_ends_after_the_time_limit(string path)
    {
        using var server = new HostileServer();
        // What is compiled for the first request would take some of the time.
        Assert.Contains(" bytes", Fetch(server, "/good/1.jpg"));
        Assert.Contains("timeout: not there after 1 s", Fetch(server, path, Quick with { Timeout = TimeSpan.FromSeconds(1) }));
        Assert.Equal(2, server.Requests[path]);
    }

    [Fact]
    public void A_server_that_asks_to_be_left_alone_is()
    {
        using var server = new HostileServer { RetryAfter = "1" };
        Assert.Contains(" bytes", Fetch(server, "/flaky/1"));
        Assert.InRange(Stopwatch.GetElapsedTime(server.Log.First().Timestamp, server.Log.Last().Timestamp).TotalSeconds, 0.99, 30);
    }

    [Fact]
    public void Retry_after_is_seconds_or_a_date_and_heeded_to_a_minute()
    {
        static TimeSpan? Asked(string? written)
        {
            using var response = new HttpResponseMessage();
            response.Headers.TryAddWithoutValidation("Retry-After", written);
            return RetryWait.Asked(response);
        }

        Assert.Null(Asked(null));
        Assert.Null(Asked("soon"));
        Assert.Equal(TimeSpan.FromSeconds(7), Asked("7"));
        Assert.InRange(Asked(DateTimeOffset.UtcNow.AddSeconds(30).ToString("R"))!.Value.TotalSeconds, 20, 30);
        var (second, minute) = (TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(1));
        Assert.Equal([second, second, 7 * second, minute, 2 * minute], new[] { RetryWait.Of(second, null), RetryWait.Of(second, -second), RetryWait.Of(second, 7 * second), RetryWait.Of(second, 2 * minute), RetryWait.Of(2 * minute, 3 * minute) });
    }

    [Fact]
    public void Nothing_listening_is_unreachable()
    {
        var server = new HostileServer();
        server.Dispose();
        Assert.Contains("unreachable: ", Fetch(server, "/good/1.jpg"));
    }
}

using System.Collections.Concurrent;
using System.Text;
using Parquet.Schema;
using XClr.Data.Readers;

namespace XClr.Data.Tests;

/// <summary>What counts or lists a set for long says so, and ends where it is asked to.</summary>
public sealed class DatasetWalkTests : IDisposable
{
    private readonly TempFolder folder = new();

    public void Dispose() => folder.Dispose();

    private string Write(string format)
    {
        switch (format)
        {
            case "imagefolder":
                foreach (var i in Enumerable.Range(0, 300))
                {
                    folder.File($"set/{i % 3}/{i}.jpg", "");
                }
                return folder.Path + "/set";
            case "webdataset":
                return folder.Shard("set.tar", Enumerable.Range(0, 300).SelectMany(i => new[] { ($"{i}.jpg", new byte[1]), ($"{i}.txt", Encoding.UTF8.GetBytes("a dog")) }));
            case "parquet":
                return ParquetReaderTests.Write(folder, "set.parquet", new ParquetSchema(new DataField<byte[]>("jpg")), null, (group, fields, _) => group.WriteAsync(fields[0], [new byte[1], new byte[1]]));
            default:
                return folder.File("set.csv", "path,label\n" + string.Concat(Enumerable.Range(0, 20_000).Select(i => $"{i}.jpg,{i % 3}\n")));
        }
    }

    private static long Count(string path, DatasetOptions options)
    {
        using var data = DatasetFactory.Open(path, options: options);
        return data.Count;
    }

    [Theory]
    [InlineData("imagefolder")]
    [InlineData("webdataset")]
    [InlineData("parquet")]
    [InlineData("csv")]
    public void Counting_ends_where_it_is_asked_to(string format)
    {
        var path = Write(format);
        Assert.Throws<OperationCanceledException>(() => Count(path, new() { Stop = new CancellationToken(true) }));
        Assert.InRange(Count(path, new()), 4, 20_000);
    }

    [Theory]
    [InlineData("imagefolder", "listing 'PATH': [0-3] of 3 class folders, [0-9]+ images")]
    [InlineData("webdataset", "counting 'PATH': [01] of 1 shards, [0-9]+ samples")]
    [InlineData("parquet", "counting 'PATH': [01] of 1 files, [0-9]+ rows")]
    [InlineData("csv", "reading 'PATH': 0 of 0 MB, [0-9]+ rows")]
    [InlineData("csv", "reading the labels of 'PATH': [0-9]+ of 20000 rows")]
    public void Counting_tells_how_far_it_is(string format, string line)
    {
        var (path, lines) = (Write(format), new ConcurrentQueue<string>());
        var options = new DatasetOptions { Note = lines.Enqueue, NoteEvery = TimeSpan.FromMilliseconds(1) };
        var pattern = $"^{line.Replace("PATH", path, StringComparison.Ordinal)}$";
        // Small sets are counted between two ticks of the clock, most times.
        Assert.True(SpinWait.SpinUntil(() => Count(path, options) > 0 && lines.Any(l => System.Text.RegularExpressions.Regex.IsMatch(l, pattern)), TimeSpan.FromSeconds(60)), string.Join('\n', lines.Take(5)));
    }

    [Fact]
    public void A_walk_tells_again_and_again_until_it_ends()
    {
        var told = 0;
        var walk = new DatasetWalk(new() { Note = _ => Interlocked.Increment(ref told), NoteEvery = TimeSpan.FromMilliseconds(1) }, () => "far");
        Assert.True(SpinWait.SpinUntil(() => told > 2, TimeSpan.FromSeconds(30)));
        walk.Dispose();
        Thread.Sleep(50);
        var then = told;
        Thread.Sleep(50);
        Assert.Equal(then, told);
        new DatasetWalk(new(), () => throw new InvalidOperationException("nobody is told")).Dispose();
    }
}

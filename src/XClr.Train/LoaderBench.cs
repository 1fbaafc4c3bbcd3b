using System.Diagnostics;
using XClr.Data;
using XClr.Gpu;

namespace XClr.Train;

/// <summary>What `bench loader` measures.</summary>
/// <param name="Data">The photographs; the caller disposes of them.</param>
/// <param name="ImageSize">Side of a view, pixels.</param>
/// <param name="Workers">Decoding threads.</param>
/// <param name="BatchSize">Samples of a batch of the whole loader; at most as many as there are images.</param>
/// <param name="Repeats">Timed runs of each stage; the median counts.</param>
/// <param name="Limit">Images that are measured, from the first on; they are held in memory.</param>
public sealed record LoaderBenchRequest(IImageDataset Data, int ImageSize, int Workers, int BatchSize, int Repeats, int Limit);

/// <summary>One stage: images and megabytes (10^6 bytes) of image files per second, and processor time of all threads per image.</summary>
public sealed record LoaderRate(double ImagesPerSecond, double MegabytesPerSecond, double CpuMsPerImage);

/// <summary>What was measured.</summary>
/// <param name="Images">Images that can be decoded.</param>
/// <param name="Skipped">Images that cannot.</param>
/// <param name="MeanFileBytes">Bytes of an image file.</param>
/// <param name="MeanPixels">Pixels of an image.</param>
/// <param name="Reading">Walking through the set and reading every image's bytes, on one thread.</param>
/// <param name="Decoding">Decoding at full size from memory, on all workers.</param>
/// <param name="ScaledDecoding">The same to the smallest scale whose sides are no shorter than a view's.</param>
/// <param name="Loader">Everything up to packed batches of two views' sources: reading, shuffling, drawing, decoding, packing.</param>
/// <param name="AllocatedBytesPerImage">Managed memory that the whole loader allocates for one image.</param>
/// <param name="CollectionShare">Share of the whole loader's time in which the garbage collector held the program up.</param>
public sealed record LoaderBenchResult(
    int Images, int Skipped, double MeanFileBytes, double MeanPixels, LoaderRate Reading, LoaderRate Decoding, LoaderRate ScaledDecoding, LoaderRate Loader, double AllocatedBytesPerImage, double CollectionShare);

/// <summary>The `bench loader` verb's work: the stages between files and batches, on the processor alone.</summary>
public sealed class LoaderBench
{
    private const double ShortestRun = 0.5;
    private const double LongestWarming = 10;
    private readonly LoaderBenchRequest request;
    private readonly List<byte[]> files = [];
    private int skipped;
    private long pixels, bytes;

    private LoaderBench(LoaderBenchRequest request) => this.request = request;

    /// <summary>Measures every stage.</summary>
    /// <exception cref="DataException">No image can be decoded.</exception>
    public static LoaderBenchResult Run(LoaderBenchRequest request)
    {
        var bench = new LoaderBench(request);
        bench.ReadFiles();
        var (loader, allocated, collecting) = bench.WholeLoader();
        return new(bench.files.Count, bench.skipped, (double)bench.bytes / bench.files.Count, (double)bench.pixels / bench.files.Count,
            bench.Reading(), bench.Decoding(DecodeOptions.Default), bench.Decoding(new DecodeOptions { MinWidth = request.ImageSize, MinHeight = request.ImageSize }), loader, allocated, collecting);
    }

    private void ReadFiles()
    {
        foreach (var raw in request.Data.Read(ReadOrder.Sequential).Take(request.Limit))
        {
            if (raw.Image is not { GreyPixels: null } source)
            {
                skipped++;
                continue;
            }
            byte[] file;
            try
            {
                using var read = source.Read();
                file = read.Span.ToArray();
                using var image = ImageDecoder.Decode(file);
                pixels += (long)image.Width * image.Height;
            }
            catch (ImageDecodeException)
            {
                skipped++;
                continue;
            }
            files.Add(file);
            bytes += file.Length;
        }
        if (files.Count == 0)
        {
            throw new DataException($"'{request.Data.Name}': none of its first {request.Limit} samples has an image file that can be decoded ({skipped} looked at).");
        }
    }

    private LoaderRate Reading() => Measure(() =>
    {
        var read = 0;
        foreach (var raw in request.Data.Read(ReadOrder.Sequential).Take(request.Limit))
        {
            if (raw.Image is { GreyPixels: null } source)
            {
                source.Read().Dispose();
                read++;
            }
        }
        return read;
    });

    private LoaderRate Decoding(DecodeOptions options) => Measure(() =>
    {
        if (request.Workers == 1)
        {
            files.ForEach(f => ImageDecoder.Decode(f, options).Dispose());
        }
        else
        {
            Parallel.ForEach(files, new ParallelOptions { MaxDegreeOfParallelism = request.Workers }, f => ImageDecoder.Decode(f, options).Dispose());
        }
        return files.Count;
    });

    private (LoaderRate Rate, double AllocatedBytes, double CollectionShare) WholeLoader()
    {
        var options = new SampleStreamOptions
        {
            Augment = AugmentSettings.Preset("simclr"),
            OutputSize = request.ImageSize,
            Workers = request.Workers,
            Decode = new DecodeOptions { MaxBytes = SourceRing.WantedBytes(request.ImageSize) },
            Prefetch = BatchLoader.PrefetchFor(request.BatchSize),
        };
        var batch = Math.Min(request.BatchSize, files.Count);
        using var loader = new BatchLoader(request.Data, options, batch, TargetKind.None, captions: null);
        var samples = 0L;
        int Next()
        {
            using var images = loader.Next(CancellationToken.None);
            samples += batch;
            return batch;
        }
        // The first batches fill the pools: they are full once every sample of the shuffle buffer and of those read ahead has been given back.
        for (var (i, warming) = (0, Stopwatch.StartNew()); i < 8 || i * batch < 4 * options.Prefetch || (i * batch < 4 * options.ShuffleBuffer && warming.Elapsed.TotalSeconds < LongestWarming); i++)
        {
            Next();
        }
        (samples, var before, var paused, var clock) = (0, GC.GetTotalAllocatedBytes(precise: true), GC.GetTotalPauseDuration(), Stopwatch.StartNew());
        var rate = Measure(Next);
        return (rate, (double)(GC.GetTotalAllocatedBytes(precise: true) - before) / samples, (GC.GetTotalPauseDuration() - paused) / clock.Elapsed);
    }

    // A run repeats the pass until it has taken long enough to be timed; a pass returns its number of images.
    private LoaderRate Measure(Func<int> pass)
    {
        var (rates, processor) = (new List<double>(), new List<double>());
        // The first run is not counted: code is compiled in it.
        for (var i = -1; i < request.Repeats; i++)
        {
            var (count, cpu, clock) = (0, Environment.CpuUsage.TotalTime, Stopwatch.StartNew());
            do
            {
                count += pass();
            }
            while (clock.Elapsed.TotalSeconds < ShortestRun);
            if (i >= 0)
            {
                rates.Add(count / clock.Elapsed.TotalSeconds);
                processor.Add((Environment.CpuUsage.TotalTime - cpu).TotalMilliseconds / count);
            }
        }
        var rate = Samples.Of(rates).Median;
        return new(rate, rate * bytes / files.Count * 1e-6, Samples.Of(processor).Median);
    }
}

using System.Globalization;
using XClr.Data;
using XClr.Train;

namespace XClr.Cli.Commands;

/// <summary>`bench loader`: the stages between image files and batches, on the processor.</summary>
internal static class LoaderBenchTable
{
    /// <summary>Measures and prints.</summary>
    public static int Run(string data, int imageSize, int workers, int batchSize, int repeats, int limit, bool json)
    {
        using var dataset = DatasetFactory.Open(data);
        var result = LoaderBench.Run(new LoaderBenchRequest(dataset, imageSize, workers, batchSize, repeats, limit));
        if (json)
        {
            Output.Json(new { target = "loader", data = dataset.Name, imageSize, workers, batchSize, repeats, result });
            return ExitCode.Success;
        }
        static string Number(double value, string format = "0.0") => value.ToString(format, CultureInfo.InvariantCulture);
        var table = Output.Table("stage", "threads", "images/s", "MB/s of files", "processor ms per image");
        void Row(string stage, int threads, LoaderRate rate) =>
            table.Row(stage, $"{threads}", Number(rate.ImagesPerSecond), Number(rate.MegabytesPerSecond), Number(rate.CpuMsPerImage, "0.000"));
        Row("reading", 1, result.Reading);
        Row("decoding", workers, result.Decoding);
        Row($"decoding for {imageSize} pixels", workers, result.ScaledDecoding);
        Row("whole loader, two views", workers, result.Loader);
        Output.Results.Write(table);
        Output.WriteFacts([
            ("images", $"{result.Images}, {Number(result.MeanFileBytes / 1000)} kB and {Number(result.MeanPixels * 1e-6, "0.000")} megapixels each; {result.Skipped} skipped"),
            ("allocated per image by the whole loader", $"{Number(result.AllocatedBytesPerImage, "0")} bytes"),
            ("its time spent on collecting garbage", $"{Number(100 * result.CollectionShare, "0.000")} %"),
        ]);
        return ExitCode.Success;
    }
}

using XClr.Data.Readers;

namespace XClr.Data.Tests;

/// <summary>Opens data sets whose format is told by what is there.</summary>
internal static class DatasetReading
{
    /// <summary>All samples in the set's order; fails unless it is of this format and counts itself right.</summary>
    public static List<RawSample> ReadAll(string path, string format, DatasetOptions? options = null)
    {
        using var data = DatasetFactory.Open(path, options: options);
        Assert.Equal(format, data.Format);
        var samples = data.Read(ReadOrder.Sequential).ToList();
        Assert.Equal(samples.Count, data.Count);
        return samples;
    }

    /// <summary>The bytes of a sample's image file.</summary>
    public static byte[] Bytes(RawSample sample)
    {
        using var bytes = sample.Image!.Read();
        return bytes.Span.ToArray();
    }

    /// <summary>What is said where the set is refused.</summary>
    public static string Error(string path, DatasetOptions? options = null) =>
        Assert.Throws<DataException>(() => DatasetFactory.Open(path, options: options)).Message;
}

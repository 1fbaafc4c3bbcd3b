using XClr.Data.Readers;

namespace XClr.Data.Tests;

/// <summary>A set with bad samples, and what a stream gives of a set.</summary>
internal static class FaultySet
{
    public static readonly AugmentSettings Simclr = AugmentSettings.Preset("simclr");

    /// <summary>Four shards of 60 samples; in each, one image is cut short, one is empty, and one sample has no caption.</summary>
    public static WebDatasetReader Dataset(TempFolder folder, string suffix = ".tar")
    {
        for (var shard = 0; shard < 4; shard++)
        {
            var members = TestShards.Samples(60, shard * 60).ToList();
            members[3 * 7] = (members[3 * 7].Item1, members[3 * 7].Item2[..200]);
            members[3 * 21] = (members[3 * 21].Item1, []);
            members.RemoveAt(3 * 40 + 1);
            folder.Shard($"{shard:D5}{suffix}", members);
        }
        return new(folder);
    }

    public static SampleStreamOptions Options(int workers = 2) => new()
    {
        Seed = 5, Workers = workers, EndEpoch = 2, ShuffleBuffer = 50, RequireCaption = true, Augment = Simclr, OutputSize = 8,
    };

    /// <summary>What the stream gives, at most so many samples: all that is known of each, and its pixels as a hash.</summary>
    public static List<string> Run(IImageDataset data, SampleStreamOptions options, out SampleStream stream, int most = int.MaxValue)
    {
        var seen = new List<string>();
        using (stream = new SampleStream(data, options))
        {
            while (seen.Count < most && stream.Next() is { } sample)
            {
                using (sample)
                {
                    var pixels = Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(sample.Image.Pixels));
                    seen.Add($"{sample.Epoch} {sample.Index} {sample.Key} {sample.Caption} {sample.Label} {string.Join(" ", sample.Views)} {pixels}");
                }
            }
        }
        return seen;
    }
}

using XClr.Nn;

namespace XClr.Cli.Tests;

/// <summary>A training program that is killed again and again, at moments that a seed draws, trains on the samples that an unbroken one trains on.</summary>
public sealed class KilledRunTests : IDisposable
{
    private const int Kills = 10, Steps = 200, SaveEvery = 4, Shards = 3, SamplesPerShard = 14;
    private const int KilledBySignal = 128 + 9;

    private readonly TempFolder folder = new();

    public void Dispose() => folder.Dispose();

    /// <summary>
    /// Each image is noise of its own, so a batch with one sample more, less or in another place has another loss, and every weight after it another value. What is skipped
    /// names its epoch and place in it.
    /// </summary>
    [Fact]
    public void Ten_kills_change_no_sample_no_loss_and_no_weight()
    {
        WriteShards();
        var (whole, killed) = (folder.File("whole"), folder.File("killed"));
        CliProcess.Run(Arguments(whole, workers: 1)).Expect(0);
        var random = new Random(7);
        for (var kill = 0; kill < Kills; kill++)
        {
            KillAtRandom(killed, workers: 1 + kill % 4, random);
        }
        CliProcess.Run(Arguments(killed, workers: 2)).Expect(0);
        var losses = Losses(whole);
        Assert.Equal(Steps, losses.Count);
        Assert.True(losses.Distinct().Count() > 0.9 * Steps, "losses that do not tell one batch from another");
        Assert.Equal(losses, Losses(killed));
        Assert.Equal(File.ReadAllBytes(CheckpointPath.Resolve(whole).Model), File.ReadAllBytes(CheckpointPath.Resolve(killed).Model));
        var skipped = Skipped(whole);
        Assert.Equal(Shards * FullEpochs, skipped.Count);
        Assert.Equal(skipped, Skipped(killed));
    }

    // Epochs that were read to their end, whatever was read ahead.
    private static int FullEpochs => Steps / ((SamplesPerShard - 1) * Shards / 4) - 1;

    private string[] Arguments(string run, int workers) =>
    [
        "train", "--data", folder.Path, "--data-format", "webdataset", .. TinySet.Network, "--run-dir", run, "--steps", $"{Steps}", "--save-every", $"{SaveEvery}", "--log-every", "1",
        "--seed", "5", "--workers", $"{workers}", "--resume", "auto",
    ];

    // Sometimes while the program starts, else some steps after it went past where the last one was; in the middle of a step or of a checkpoint as it comes.
    private void KillAtRandom(string run, int workers, Random random)
    {
        var (steps, milliseconds) = (random.Next(0, 9), random.Next(0, 1000));
        var wanted = LogLines(run) + steps;
        var running = CliProcess.Start(CliProcess.Program, Arguments(run, workers));
        if (steps > 0)
        {
            milliseconds /= 40;
            Assert.True(SpinWait.SpinUntil(() => running.Process.HasExited || LogLines(run) >= wanted, TimeSpan.FromMinutes(5)), $"no {wanted} steps");
        }
        Thread.Sleep(milliseconds);
        running.Process.Kill();
        running.Result().Expect(KilledBySignal);
    }

    // Its writer keeps it open; a share of this kind asks for no lock.
    private static int LogLines(string run)
    {
        var path = Path.Combine(run, "metrics.jsonl");
        if (!File.Exists(path))
        {
            return 0;
        }
        using var reader = new StreamReader(new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete));
        return reader.ReadToEnd().Count(c => c == '\n');
    }

    // As they were written: the shortest digits that give the same number, to the bit.
    private static List<string> Losses(string run) =>
        [.. JsonLines.ReadSteps(run).Select(l => $"{l.GetProperty("step")}: {l.GetProperty("loss").GetRawText()}")];

    // A resumed run lists again what it skips again.
    private static List<string> Skipped(string run) =>
        [.. JsonLines.Read(Path.Combine(run, "skipped.jsonl")).Where(l => l.GetProperty("epoch").GetInt32() < FullEpochs)
            .Select(l => $"{l.GetProperty("epoch").GetInt32():D3} {l.GetProperty("index").GetInt64():D3} {l.GetProperty("key")}").Distinct().Order(StringComparer.Ordinal)];

    // The last image of each shard is none.
    private void WriteShards()
    {
        string[] words = ["dog", "boat", "kitchen", "mountain", "bicycle", "bird", "train", "flower"];
        for (var shard = 0; shard < Shards; shard++)
        {
            folder.Shard($"{shard:D5}.tar", Enumerable.Range(shard * SamplesPerShard, SamplesPerShard).SelectMany(number => new[]
            {
                ($"{number:D6}.png", number % SamplesPerShard == SamplesPerShard - 1 ? "no image"u8.ToArray() : File.ReadAllBytes(folder.WriteNoisePng("image.png", 8, seed: number))),
                ($"{number:D6}.txt", System.Text.Encoding.UTF8.GetBytes($"a {words[number % 8]} beside a {words[number / 8]}")),
            }));
        }
        File.Delete(folder.File("image.png"));
    }
}

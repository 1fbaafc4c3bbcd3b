using XClr.Gpu;
using XClr.Nn;
using XClr.Nn.Losses;
using XClr.Nn.Optim;

namespace XClr.Bench.Cases;

/// <summary>A batch of N samples for CLIP's loss, forward and backward. Inputs images [2N,P], texts [N,P], logit_scale [1] stand for normalised rows and a log: tests set them.</summary>
public sealed record ClipCase(int N, int P, float LossScale = 1)
{
    /// <summary>Outputs state, loss, stats, dimages, dtexts, dlogit_scale.</summary>
    public OpCase ToOpCase() => new(
        ToString(),
        [
            new("images", new Shape(2 * N, P)), new("texts", new Shape(N, P)), new("logit_scale", new Shape(1), Fill.Positive),
            new("step", new Shape(StepVariables.Words), Type: DType.UInt32, Values: StepWords),
        ],
        [
            new("state", new Shape(4 * N, ClipLoss.StateWidth)), new("loss", new Shape(1)), new("stats", new Shape(4)), new("dimages", new Shape(2 * N, P)), new("dtexts", new Shape(N, P)),
            new("dlogit_scale", new Shape(1)),
        ],
        Record);

    public override string ToString() => $"clip N{N} P{P}";

    private uint[] StepWords()
    {
        var words = new uint[StepVariables.Words];
        Buffer.BlockCopy(new StepVariables(0.1f, LossScale).ToBytes(), 0, words, 0, 4 * words.Length);
        return words;
    }

    private static void Record(Recorder gpu, IReadOnlyDictionary<string, Tensor> t)
    {
        var rows = new ClipRows(t["images"], t["texts"]);
        ClipLoss.Forward(gpu, rows, t["logit_scale"], t["state"], t["loss"], t["stats"]);
        ClipLoss.Backward(gpu, rows, t["logit_scale"], t["state"], t["state"], t["step"], t["dimages"], t["dtexts"], t["dlogit_scale"]);
    }
}

/// <summary>CLIP's loss at ragged sizes.</summary>
public static class ClipCases
{
    /// <summary>One to a few samples, odd counts, more than one tile; the last is cut into windows where a binding holds 1 MiB.</summary>
    public static IEnumerable<ClipCase> Small => [new(1, 4), new(2, 12), new(3, 128), new(65, 36, LossScale: 8), new(127, 68), new(263, 1024)];
}

namespace XClr.Text;

/// <summary>How captions are embedded.</summary>
public sealed record EmbedderOptions
{
    /// <summary>Where the model runs: cpu, cuda, tensorrt, dml, coreml, openvino, rocm, migraphx, qnn; a device index may follow a colon (cuda:1).</summary>
    public string Provider { get; init; } = "cpu";

    /// <summary>Threads of tokenizer and model; 0: one per core.</summary>
    public int Threads { get; init; }

    /// <summary>Captions per run of the model.</summary>
    public int BatchSize { get; init; } = 32;
}

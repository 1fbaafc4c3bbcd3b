using Microsoft.ML.OnnxRuntime;

namespace XClr.Text;

/// <summary>Turns --text-provider into ONNX Runtime session options, or says which package is missing.</summary>
internal static class ExecutionProvider
{
    private sealed record Entry(string Runtime, string Package, Action<SessionOptions, int> Append);

    private static readonly Dictionary<string, Entry> Known = new(StringComparer.OrdinalIgnoreCase)
    {
        ["cuda"] = new("CUDAExecutionProvider", "Microsoft.ML.OnnxRuntime.Gpu", (o, d) => o.AppendExecutionProvider_CUDA(d)),
        ["tensorrt"] = new("TensorrtExecutionProvider", "Microsoft.ML.OnnxRuntime.Gpu", (o, d) => o.AppendExecutionProvider_Tensorrt(d)),
        ["dml"] = new("DmlExecutionProvider", "Microsoft.ML.OnnxRuntime.DirectML", (o, d) => o.AppendExecutionProvider_DML(d)),
        ["coreml"] = new("CoreMLExecutionProvider", "Microsoft.ML.OnnxRuntime (on macOS)", (o, _) => o.AppendExecutionProvider_CoreML()),
        ["openvino"] = new("OpenVINOExecutionProvider", "Intel.ML.OnnxRuntime.OpenVino", (o, _) => o.AppendExecutionProvider_OpenVINO()),
        ["rocm"] = new("ROCMExecutionProvider", "Microsoft.ML.OnnxRuntime.ROCm", (o, d) => o.AppendExecutionProvider_ROCm(d)),
        ["migraphx"] = new("MIGraphXExecutionProvider", "Microsoft.ML.OnnxRuntime.MIGraphX", (o, d) => o.AppendExecutionProvider_MIGraphX(d)),
        ["qnn"] = new("QNNExecutionProvider", "Microsoft.ML.OnnxRuntime.QNN", (o, _) => o.AppendExecutionProvider("QNN")),
    };

    /// <summary>Checks the name and that the runtime has the provider, without opening anything.</summary>
    /// <exception cref="TextException">The name is unknown, or the runtime lacks the provider.</exception>
    public static void Require(string provider) => Resolve(provider);

    /// <summary>Session options on a provider.</summary>
    public static SessionOptions CreateSession(EmbedderOptions options)
    {
        var (entry, device) = Resolve(options.Provider);
        OnnxEnvironment.Get();
        var session = new SessionOptions { IntraOpNumThreads = options.Threads, InterOpNumThreads = 1, LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR };
        try
        {
            entry?.Append(session, device);
            return session;
        }
        catch (Exception e) when (e is OnnxRuntimeException or EntryPointNotFoundException or DllNotFoundException or NotSupportedException)
        {
            session.Dispose();
            throw new TextException($"The text provider {options.Provider} did not start: {e.Message} Check its driver and libraries, or use --text-provider cpu.", e);
        }
    }

    private static (Entry?, int Device) Resolve(string provider)
    {
        var colon = provider.IndexOf(':');
        var name = colon < 0 ? provider : provider[..colon];
        var device = 0;
        if (colon >= 0 && (!int.TryParse(provider.AsSpan(colon + 1), out device) || device < 0))
        {
            throw new TextException($"The text provider {provider} has no device index after its colon. Write it as cuda:0.");
        }
        if (name.Equals("cpu", StringComparison.OrdinalIgnoreCase))
        {
            return (null, 0);
        }
        if (!Known.TryGetValue(name, out var entry))
        {
            throw new TextException($"The text provider {provider} is not known. Known are cpu, {string.Join(", ", Known.Keys)}.");
        }
        var available = OnnxEnvironment.Get().GetAvailableProviders();
        return available.Contains(entry.Runtime) ? (entry, device) : throw new TextException(
            $"The text provider {provider} is not in this build's ONNX Runtime (it has {string.Join(", ", available)}). " +
            $"Build with -p:OnnxRuntimePackage={entry.Package}, or use --text-provider cpu.");
    }
}

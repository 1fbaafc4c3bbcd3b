using XClr.Data;
using XClr.Gpu;
using XClr.Gpu.Compilers;
using XClr.Nn;
using XClr.Text;

namespace XClr.Train;

/// <summary>An option or argument that makes no sense. The message names it, its value and what is allowed.</summary>
public sealed class UsageException(string message) : Exception(message);

/// <summary>A loss or gradient became infinite or not a number. The message names the step and the first tensor.</summary>
public sealed class DivergedException(string message) : Exception(message);

/// <summary>What the process returns.</summary>
public static class ExitCode
{
    public const int Success = 0;
    public const int Unexpected = 1;
    public const int Usage = 2;
    public const int Data = 3;
    public const int Device = 4;
    public const int Diverged = 5;

    /// <summary>A profile is slower than its baseline.</summary>
    public const int Slower = 6;

    /// <summary>Stopped by Ctrl-C, SIGTERM or --max-time, with the state saved: 128 + SIGINT, as shells count.</summary>
    public const int Interrupted = 130;

    /// <summary>The code of a failure; Unexpected where it is none of the expected kinds.</summary>
    public static int Of(Exception failure) => failure switch
    {
        // Shapes follow from options: a batch or an image too small for the network.
        UsageException or ShapeException => Usage,
        ShaderException or DataException or TextException or CheckpointException or SafetensorsException => Data,
        FileNotFoundException or DirectoryNotFoundException or UnauthorizedAccessException or IOException => Data,
        GpuException => Device,
        DivergedException => Diverged,
        OperationCanceledException => Interrupted,
        AggregateException { InnerExceptions: [var only] } => Of(only),
        _ => Unexpected,
    };
}

using System.Runtime.InteropServices;
using Microsoft.ML.OnnxRuntime;

namespace XClr.Text;

/// <summary>ONNX Runtime's environment, one per process. From 1.31 on the runtime reports its use to its maker over the network unless it is told not to before it starts; here it is told.</summary>
internal static partial class OnnxEnvironment
{
    /// <summary>What the runtime reads when it starts.</summary>
    public const string Switch = "ORT_DISABLE_TELEMETRY";

    private static readonly Lazy<OrtEnv> Environment = new(Create);

    /// <summary>The environment, which reports nothing.</summary>
    public static OrtEnv Get() => Environment.Value;

    private static OrtEnv Create()
    {
        if (OperatingSystem.IsWindows())
        {
            System.Environment.SetEnvironmentVariable(Switch, "1");
        }
        else
        {
            // .NET changes a copy of its own, which native code does not see.
            SetVariable(Switch, "1", overwrite: 1);
        }
        var environment = OrtEnv.Instance();
        environment.DisableTelemetryEvents();
        return environment;
    }

    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetVariable(string name, string value, int overwrite);
}

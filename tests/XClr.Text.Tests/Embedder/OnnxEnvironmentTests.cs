using System.Runtime.InteropServices;

namespace XClr.Text.Tests;

/// <summary>The program reports its use to nobody.</summary>
public sealed partial class OnnxEnvironmentTests
{
    [SkippableFact]
    public void The_runtime_is_told_to_report_nothing_where_it_can_see_it()
    {
        Skip.If(OperatingSystem.IsWindows(), "Windows has one environment for native and managed code");
        OnnxEnvironment.Get();
        Assert.Equal("1", Marshal.PtrToStringUTF8(Variable(OnnxEnvironment.Switch)));
    }

    [LibraryImport("libc", EntryPoint = "getenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial IntPtr Variable(string name);
}

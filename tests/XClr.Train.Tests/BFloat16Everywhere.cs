using System.Runtime.CompilerServices;
using XClr.Gpu;

namespace XClr.Train.Tests;

/// <summary>Lets this process store bfloat16 on devices that do not report it, as the test devices do; what XCLR_CAPS says besides holds.</summary>
internal static class BFloat16Everywhere
{
    [ModuleInitializer]
    internal static void Allow() => Environment.SetEnvironmentVariable(
        DeviceCaps.LoweringVariable, $"{Environment.GetEnvironmentVariable(DeviceCaps.LoweringVariable)},{nameof(DeviceCaps.NeedsBFloat16)}=0");
}

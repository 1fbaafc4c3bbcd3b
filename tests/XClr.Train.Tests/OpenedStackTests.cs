using XClr.Gpu;
using XClr.Nn;

namespace XClr.Train.Tests;

public sealed class OpenedStackTests
{
    [SkippableFact]
    public void A_failure_keeps_its_message_though_closing_fails_too()
    {
        var (stack, after) = Opened();
        void Fail()
        {
            try
            {
                throw new InvalidOperationException("what the user must read");
            }
            catch
            {
                stack.Abandon();
                throw;
            }
        }
        var error = Assert.Throws<InvalidOperationException>(Fail);
        Assert.Equal("what the user must read", error.Message);
        Assert.True(after.SafeFileHandle.IsClosed);
    }

    [SkippableFact]
    public void What_closing_throws_is_told_after_everything_is_closed()
    {
        var (stack, after) = Opened();
        Assert.Contains("forgotten", Assert.Throws<GpuException>(stack.Dispose).Message, StringComparison.Ordinal);
        Assert.True(after.SafeFileHandle.IsClosed);
    }

    // A file, and above it a device whose closing fails: a buffer on it was never disposed of.
    private static (OpenedStack Stack, FileStream File) Opened()
    {
        var device = TestDevices.Open(TestDevices.Lavapipe);
        var stack = new OpenedStack();
        var file = stack.Keep(new FileStream(Path.GetTempFileName(), new FileStreamOptions { Mode = FileMode.Open, Options = FileOptions.DeleteOnClose }));
        stack.Keep(device).Place(Tensor.Persistent("forgotten", new Shape(4), MemoryCategory.Inputs).View.Buffer);
        return (stack, file);
    }
}

using XClr.Data;
using XClr.Gpu;
using XClr.Nn;
using XClr.Text;

namespace XClr.Train.Tests;

public sealed class ExitCodeTests
{
    public static TheoryData<int, Exception> Failures => new()
    {
        { 1, new InvalidOperationException("x") },
        { 1, new AggregateException(new DataException("x"), new DataException("y")) },
        { 2, new UsageException("x") },
        { 2, new ShapeException("x") },
        { 3, new DataException("x") },
        { 3, new ImageDecodeException(SampleFault.Corrupt, "x") },
        { 3, new TextException("x") },
        { 3, new CheckpointException("x") },
        { 3, new SafetensorsException("x") },
        { 3, new FileNotFoundException("x") },
        { 3, new AggregateException(new DataException("x")) },
        { 4, new GpuException("x") },
        { 4, new DeviceLostException("x") },
        { 5, new DivergedException("x") },
        { 130, new OperationCanceledException("x") },
    };

    [Theory]
    [MemberData(nameof(Failures), DisableDiscoveryEnumeration = true)]
    public void Every_kind_of_failure_has_its_code(int code, Exception failure) => Assert.Equal(code, ExitCode.Of(failure));
}

namespace XClr.Gpu.Tests;

public sealed class MatrixTrialTests : IDisposable
{
    private readonly TempFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void What_a_trial_said_is_kept_for_the_device_driver_and_code()
    {
        var caps = PaperDevice.Caps;
        Assert.Null(MatrixTrial.Read(caps, folder));
        Assert.Null(MatrixTrial.Read(caps, null));
        MatrixTrial.Write(caps, folder, pays: false);
        Assert.False(MatrixTrial.Read(caps, folder));
        Assert.Null(MatrixTrial.Read(caps with { DriverVersion = 1 }, folder));
        MatrixTrial.Write(caps, folder, pays: true);
        Assert.True(MatrixTrial.Read(caps, folder));
        var file = Assert.Single(Directory.GetFiles(folder));
        File.WriteAllText(file, $"other{File.ReadAllText(file)}");
        Assert.Null(MatrixTrial.Read(caps, folder));
        // An opened device knows it; XCLR_CAPS may ask for matrices all the same.
        MatrixTrial.Write(caps, folder, pays: false);
        Assert.False(GpuDevice.Limit(caps, new DeviceOptions { CacheFolder = folder, LowerCaps = "" }).MatricesPay);
        Assert.Null(GpuDevice.Limit(caps, new DeviceOptions { CacheFolder = folder, LowerCaps = "triesMatrices=0" }).MatricesPay);
    }

    /// <summary>Lavapipe's matrices are emulated: right, and slower than its multiply-adds. A driver for the CPU has them for tests alone, so a plan takes them untried.</summary>
    [SkippableFact]
    public void Emulated_matrices_do_not_pay()
    {
        using var device = TestDevices.Open(TestDevices.Lavapipe, "cpuKernels=0");
        Skip.If(device.Caps.HalfMatrixShapes.Count == 0, "lavapipe has no cooperative matrices here");
        Assert.False(MatrixTrial.Run(device));
        Assert.All(device.Caps.HalfMatrixShapes, shape => Assert.True(MatrixTrial.Pays(device, shape, plain: 0)));
        Assert.Null(device.Caps.MatricesPay);
        Assert.True(device.Caps.UsesMatrices);
    }

    [SkippableFact]
    public void Without_matrices_there_is_nothing_to_try()
    {
        using var device = TestDevices.Open(TestDevices.Lavapipe, "cooperativeMatrix=0");
        Assert.Null(MatrixTrial.Run(device));
    }
}

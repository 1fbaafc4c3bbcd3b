namespace XClr.Gpu.Tests;

public sealed class TuningTests : IDisposable
{
    private static readonly Tuning Measured = new(new Dictionary<string, string> { ["conv2d_fwd a"] = "Word 16x64", ["conv2d_bwd_weight b"] = "Word 16x128, 4 parts" }, new DateTimeOffset(2026, 11, 26, 9, 0, 0, TimeSpan.Zero));
    private readonly TempFolder folder = new();
    private readonly DeviceCaps caps = PaperDevice.Caps with { DriverInfo = "1.2", DriverVersion = 12 };

    [Fact]
    public void What_is_kept_is_read()
    {
        Assert.Equal((0, null), (Tuning.Read(caps, folder).Ways.Count, Tuning.Read(caps, folder).Problem));
        Measured.Write(caps, folder);
        var read = Tuning.Read(caps, folder);
        Assert.Equal(Measured.Ways.OrderBy(w => w.Key), read.Ways.OrderBy(w => w.Key));
        Assert.Equal((Measured.Measured, null), (read.Measured, read.Problem));
        Assert.Single(Directory.GetFiles(folder));
        Assert.Empty(Tuning.Read(caps, null).Ways);
    }

    [Fact]
    public void Lowered_caps_have_choices_of_their_own_or_none()
    {
        Measured.Write(caps, folder);
        Assert.Empty(Tuning.Read(caps.Lower("usesTuning=0"), folder).Ways);
        Assert.Empty(Tuning.Read(caps with { CpuKernels = true }, folder).Ways);
        Assert.Empty(Tuning.Read(caps with { CooperativeMatrix = true }, folder).Ways);
    }

    [Theory]
    [InlineData("\"kernels\": \"", "\"kernels\": \"0", "other kernels")]
    [InlineData("\"driver\": \"1.2\"", "\"driver\": \"1.1\"", "another driver (1.1, now 1.2)")]
    [InlineData("\"driverVersion\": 12", "\"driverVersion\": 11", "another driver")]
    [InlineData("\"ways\": {", "\"ways\": ", "cannot be read")]
    [InlineData("\"ways\"", "\"weighs\"", "cannot be read")]
    [InlineData("Word 16x64\"", "Word", "cannot be read")]
    public void A_stale_or_damaged_file_is_named_and_not_used(string part, string other, string expected)
    {
        Measured.Write(caps, folder);
        var file = Tuning.FileOf(caps, folder);
        var text = File.ReadAllText(file);
        Assert.Contains(part, text);
        File.WriteAllText(file, text.Replace(part, other, StringComparison.Ordinal));
        var read = Tuning.Read(caps, folder);
        Assert.Empty(read.Ways);
        Assert.Contains(file, read.Problem);
        Assert.Contains(expected, read.Problem);
        Assert.Contains("xclr tune", read.Problem);
    }

    public void Dispose() => folder.Dispose();
}

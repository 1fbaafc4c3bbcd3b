namespace XClr.Drivers.Tests;

/// <summary>docs/portability.md is what the matrix writes; times and counts vary, what it lists does not.</summary>
public sealed class PortabilityTests
{
    [SkippableFact]
    public void The_committed_page_lists_what_the_matrix_finds()
    {
        var made = new Portability(DeviceBuild.Precisions.ToDictionary(p => p, p => (IReadOnlyList<DeviceBuild>)[.. DeviceBuild.DevicesOf(p).Select(d => DeviceBuild.Of(d, p))])).Write();
        var file = Path.Combine(DriverRoot.Build, "portability.md");
        File.WriteAllText(file, made);
        var committed = File.ReadAllText(Path.Combine(Repository.Root, "docs", "portability.md"));
        Assert.True(Portability.Structure(committed).SequenceEqual(Portability.Structure(made)), $"docs/portability.md does not list what the matrix found; copy {file} there");
    }

    [SkippableFact]
    public void One_kernels_tile_differs_between_two_devices_because_of_their_figures()
    {
        var tiles = ConvolutionTile.Decided([DeviceBuild.Of("amd:gfx1201", "fp32"), DeviceBuild.Of("apple:m1", "fp32")]).ToList();
        Assert.NotEmpty(tiles);
    }
}

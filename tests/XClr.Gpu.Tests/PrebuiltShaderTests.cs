using System.Security.Cryptography;

namespace XClr.Gpu.Tests;

/// <summary>shaders/prebuilt/ holds what make.sh made of the sources as they are now.</summary>
public class PrebuiltShaderTests
{
    private static readonly string Shaders = Path.Combine(Repository.Root, "shaders");

    [Fact]
    public void No_prebuilt_shader_is_older_than_its_sources()
    {
        var listed = File.ReadLines(Path.Combine(Shaders, "prebuilt", "SHA256SUMS")).Select(l => l.Split("  ", 2)).ToDictionary(l => l[1], l => l[0]);
        Assert.All(listed, file => Assert.True(
            Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(Path.Combine(Shaders, file.Key)))) == file.Value,
            $"shaders/{file.Key} is not the file that shaders/prebuilt was made of: run shaders/prebuilt/make.sh"));
        Assert.Equal(Directory.GetFiles(Path.Combine(Shaders, "prebuilt"), "*.spv", SearchOption.AllDirectories).Select(Relative).Order(), listed.Keys.Where(f => f.EndsWith(".spv", StringComparison.Ordinal)).Order());
    }

    [Fact]
    public void Every_shader_that_an_old_compiler_cannot_read_is_prebuilt()
    {
        var needed = ShaderLibrary.Names.Where(n => ShaderInterface.Read(ShaderLibrary.Load(n)).Capabilities.Contains(ShaderCapability.CooperativeMatrix)).ToList();
        Assert.NotEmpty(needed);
        Assert.All(needed, n => Assert.True(File.Exists(Path.Combine(Shaders, "prebuilt", n + ".spv")), $"{n} has no SPIR-V in shaders/prebuilt: run its make.sh"));
    }

    private static string Relative(string file) => Path.GetRelativePath(Shaders, file).Replace('\\', '/');
}

using XClr.Gpu.Compilers;

namespace XClr.Gpu.Tests;

/// <summary>Shaders that are compiled while the program runs, from a copy of the repository's.</summary>
public sealed class ShaderFolderTests : IDisposable
{
    private const string Copy = CopyKernel.Name, Result = "y[i] = QUAD(x, i);";
    private readonly TempFolder folder = new();

    public ShaderFolderTests()
    {
        foreach (var family in new[] { "bench", "pointwise", "common" })
        {
            Directory.CreateDirectory(folder.File(family));
            foreach (var file in Directory.GetFiles(Path.Combine(Repository.Root, "shaders", family)))
            {
                File.Copy(file, Path.Combine(folder, family, Path.GetFileName(file)));
            }
        }
    }

    public void Dispose() => folder.Dispose();

    private string CopySource => Path.Combine(folder, "bench", "copy_peak.glsl");

    private static Kernel<CopyKernel.Params> Kernel(int reads = 1) => new(Copy, reads, writes: 1);

    private ShaderFolder Open(string name)
    {
        var compiler = name == "glslc" ? ShaderCompiler.Glslc() : ShaderCompiler.Shaderc();
        Skip.If(compiler is null, $"{name} cannot be used here (Debian 12's libshaderc1 can only be loaded by glslc)");
        return new ShaderFolder(folder, compiler);
    }

    private void Edit(string from, string to)
    {
        var text = File.ReadAllText(CopySource);
        Assert.Contains(from, text, StringComparison.Ordinal);
        File.WriteAllText(CopySource, text.Replace(from, to, StringComparison.Ordinal));
    }

    [SkippableTheory]
    [InlineData("glslc")]
    [InlineData("shaderc")]
    public void An_untouched_shader_keeps_its_interface_and_counts_as_not_edited_where_the_build_used_the_same_compiler(string compiler)
    {
        var shaders = Open(compiler);
        var (built, loaded) = (ShaderLibrary.Load(Copy), shaders.Load(Kernel()));
        Assert.Equal(ShaderInterface.Read(built).LocalSize, ShaderInterface.Read(loaded).LocalSize);
        Assert.Equal(!built.AsSpan().SequenceEqual(loaded), shaders.Edited.Contains(Copy));
    }

    [SkippableTheory]
    [InlineData("glslc")]
    [InlineData("shaderc")]
    public void An_edited_include_changes_the_code_and_the_state(string compiler)
    {
        var shaders = Open(compiler);
        var before = shaders.State();
        Edit(Result, "y[i] = -QUAD(x, i);");
        Assert.NotEqual(before, shaders.State());
        shaders.Load(Kernel());
        Assert.Equal([Copy], shaders.Edited);
    }

    [SkippableTheory]
    [InlineData("glslc")]
    [InlineData("shaderc")]
    public void One_file_gives_the_kernels_of_both_storages(string compiler)
    {
        var shaders = Open(compiler);
        uint[] Load(string kernel) => shaders.Load(ShaderKernel.Parse(kernel));
        Assert.NotEqual(Load("pointwise/cast_fwd_f16"), Load("pointwise/cast_fwd_bf16"));
    }

    [SkippableTheory]
    [InlineData("glslc")]
    [InlineData("shaderc")]
    public void An_error_names_the_included_file_and_the_line(string compiler)
    {
        var shaders = Open(compiler);
        File.WriteAllText(CopySource, File.ReadAllText(CopySource) + "\nint f() { return nothing; }\n");
        var line = File.ReadLines(CopySource).ToList().IndexOf("int f() { return nothing; }") + 1;
        Assert.Contains($"{CopySource}:{line}: error: 'nothing'", Assert.Throws<ShaderException>(() => shaders.Load(Kernel())).Message, StringComparison.Ordinal);
    }

    [SkippableTheory]
    [InlineData("glslc")]
    [InlineData("shaderc")]
    public void A_missing_include_is_named_with_the_line_that_asks_for_it(string compiler)
    {
        var shaders = Open(compiler);
        File.Delete(CopySource);
        var message = Assert.Throws<ShaderException>(() => shaders.Load(Kernel())).Message;
        Assert.Contains(Path.Combine(folder, "bench", "copy_peak.comp:4: error"), message, StringComparison.Ordinal);
        Assert.Contains("copy_peak.glsl", message, StringComparison.Ordinal);
    }

    [SkippableTheory]
    [InlineData("glslc")]
    [InlineData("shaderc")]
    public void A_shader_that_binds_something_else_is_refused(string compiler)
    {
        var shaders = Open(compiler);
        Assert.Contains("the program gives 0,1,2", Assert.Throws<ShaderException>(() => shaders.Load(Kernel(reads: 2))).Message, StringComparison.Ordinal);
    }

    [SkippableTheory]
    [InlineData("glslc")]
    [InlineData("shaderc")]
    public void A_kernel_without_a_file_is_the_programs_own(string compiler)
    {
        var shaders = Open(compiler);
        Assert.Equal(ShaderLibrary.Load("optim/clamp_update"), shaders.Load(ShaderKernel.Parse("optim/clamp_update")));
    }

    [Fact]
    public void A_folder_without_kernels_is_refused()
    {
        Assert.Contains("There is no folder", Assert.Throws<ShaderException>(() => new ShaderFolder(folder.File("nowhere"))).Message, StringComparison.Ordinal);
        Assert.Contains("holds no kernel's shader", Assert.Throws<ShaderException>(() => new ShaderFolder(folder.File("common"))).Message, StringComparison.Ordinal);
    }

    [SkippableTheory]
    [InlineData("glslc")]
    [InlineData("shaderc")]
    public void The_device_runs_the_edited_code(string compiler)
    {
        using var device = TestDevices.Open(TestDevices.Lavapipe, shaders: Open(compiler));
        Edit(Result, "y[i] = QUAD(x, i) + 7;");
        using var x = new GpuBuffer("x", 64, MemoryCategory.Inputs);
        using var y = new GpuBuffer("y", 64, MemoryCategory.Outputs);
        device.Transfer.Upload<float>(x, [.. Enumerable.Range(0, 16).Select(i => (float)-i)]);
        using (var plan = Plan.Build(device, device.Record(gpu => gpu.Dispatch(Kernel(), 1, new CopyKernel.Params(4, 1), [x], [y]))))
        {
            plan.Run();
        }
        Assert.Equal(Enumerable.Range(0, 16).Select(i => 7f - i), device.Transfer.Download(y, 16));
        TestDevices.RequireSilence(device);
    }
}

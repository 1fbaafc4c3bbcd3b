using System.Runtime.InteropServices;
using System.Text;
using Silk.NET.Shaderc;

namespace XClr.Gpu.Compilers;

/// <summary>
/// The package Silk.NET.Shaderc, which brings its own library. Part of the build with -p:ShadercPackage=Silk.NET.Shaderc only, and never compiled by this project, whose registry lacks the package:
/// see docs/packages.md.
/// </summary>
internal sealed unsafe class SilkShadercCompiler : IShaderCompiler
{
    private readonly Shaderc api = Shaderc.GetApi();

    /// <inheritdoc/>
    public uint[] Compile(string file, string includes, string? define)
    {
        var compiler = api.CompilerInitialize();
        var options = api.CompileOptionsInitialize();
        var folder = GCHandle.Alloc(includes);
        try
        {
            api.CompileOptionsSetOptimizationLevel(options, OptimizationLevel.Performance);
            api.CompileOptionsSetTargetEnv(options, TargetEnv.Vulkan, (uint)EnvVersion.Vulkan12);
            api.CompileOptionsSetWarningsAsErrors(options);
            if (define is not null)
            {
                api.CompileOptionsAddMacroDefinition(options, define, (nuint)define.Length, (string?)null, 0);
            }
            var resolve = (delegate* unmanaged[Cdecl]<void*, byte*, int, byte*, nuint, IncludeResult*>)(void*)ShadercCompiler.Resolve;
            var release = (delegate* unmanaged[Cdecl]<void*, IncludeResult*, void>)(void*)ShadercCompiler.ReleaseResolved;
            api.CompileOptionsSetIncludeCallbacks(options, new PfnIncludeResolveFn(resolve), new PfnIncludeResultReleaseFn(release), (void*)GCHandle.ToIntPtr(folder));
            var text = File.ReadAllText(file);
            return Words(api.CompileIntoSpv(compiler, text, (nuint)Encoding.UTF8.GetByteCount(text), ShaderKind.ComputeShader, file, "main", options));
        }
        finally
        {
            folder.Free();
            api.CompileOptionsRelease(options);
            api.CompilerRelease(compiler);
        }
    }

    private uint[] Words(CompilationResult* result)
    {
        try
        {
            return api.ResultGetCompilationStatus(result) == CompilationStatus.Success
                ? new ReadOnlySpan<uint>(api.ResultGetBytes(result), (int)(api.ResultGetLength(result) / sizeof(uint))).ToArray()
                : throw ShaderException.Of(api.ResultGetErrorMessageS(result));
        }
        finally
        {
            api.ResultRelease(result);
        }
    }
}

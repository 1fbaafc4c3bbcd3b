using System.Diagnostics;
using System.Runtime.InteropServices;

namespace XClr.Gpu.Compilers;

/// <summary>The program glslc, which the build uses too; one process per shader.</summary>
internal sealed class GlslcCompiler(string program) : IShaderCompiler
{
    /// <inheritdoc/>
    public uint[] Compile(string file, string includes, string? define)
    {
        var info = new ProcessStartInfo(program, ["--target-env=vulkan1.2", "-O", "-Werror", "-fshader-stage=compute", .. define is null ? Array.Empty<string>() : [$"-D{define}"], "-I", includes, "-o", "-", file]) { RedirectStandardOutput = true, RedirectStandardError = true };
        using var process = Process.Start(info)!;
        var errors = process.StandardError.ReadToEndAsync();
        using var code = new MemoryStream();
        process.StandardOutput.BaseStream.CopyTo(code);
        process.WaitForExit();
        return process.ExitCode == 0 ? MemoryMarshal.Cast<byte, uint>(code.ToArray()).ToArray() : throw ShaderException.Of(errors.Result);
    }
}

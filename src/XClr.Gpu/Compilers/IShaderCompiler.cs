using System.Runtime.InteropServices;

namespace XClr.Gpu.Compilers;

/// <summary>A shader's source is missing or wrong; the message names the file, and the line where the compiler does.</summary>
public sealed class ShaderException(string message) : Exception(message)
{
    /// <summary>A compiler's complaint; what it says of a macro at every use is said once.</summary>
    internal static ShaderException Of(string complaint) => new(string.Join('\n', complaint.TrimEnd().Split('\n').Distinct()));
}

/// <summary>Compiles GLSL while the program runs, with the settings of the build (shaders/CMakeLists.txt): Vulkan 1.2, optimised, warnings are errors.</summary>
public interface IShaderCompiler
{
    /// <summary>The SPIR-V words of a compute shader. Thread-safe.</summary>
    /// <param name="file">The shader's file.</param>
    /// <param name="define">A macro to define; null = none.</param>
    /// <param name="includes">Folder in which included files are looked for that are not beside the file that includes them.</param>
    /// <exception cref="ShaderException">It does not compile: the compiler's "file:line: error: ...".</exception>
    uint[] Compile(string file, string includes, string? define);
}

/// <summary>The compilers that may be there.</summary>
public static class ShaderCompiler
{
    /// <summary>The package that the build named (docs/packages.md), else the library shaderc where it can be loaded, else the program glslc.</summary>
    /// <exception cref="GpuException">Neither is installed; the message names the packages.</exception>
#if SHADERC_PACKAGE
    public static IShaderCompiler Open() => new SilkShadercCompiler();
#else
    public static IShaderCompiler Open() => Shaderc() ?? Glslc() ?? throw new GpuException(
        "Compiling shaders while the program runs needs the library shaderc or the program glslc, and neither can be used here. On Debian: apt-get install glslc (Debian 12), or libshaderc1 (later ones).");
#endif

    /// <summary>The library shaderc, in this process; null where it cannot be loaded. Debian 12's cannot: it lacks symbols that only glslc's own executable has.</summary>
    public static IShaderCompiler? Shaderc() => ShadercCompiler.IsThere ? new ShadercCompiler() : null;

    /// <summary>The program glslc on the PATH; null where there is none.</summary>
    public static IShaderCompiler? Glslc()
    {
        var name = RuntimeInformation.IsOSPlatform(OSPlatform.Windows) ? "glslc.exe" : "glslc";
        var program = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator).Select(folder => Path.Combine(folder, name)).FirstOrDefault(File.Exists);
        return program is null ? null : new GlslcCompiler(program);
    }
}

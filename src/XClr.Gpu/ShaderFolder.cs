using System.Collections.Concurrent;
using XClr.Gpu.Compilers;

namespace XClr.Gpu;

/// <summary>
/// A folder of shaders laid out as shaders/ is, in whose files the kernels' code is looked for before the SPIR-V that the program carries: an edited shader runs without a build. A
/// kernel without a file there is the program's own. Thread-safe.
/// </summary>
public sealed class ShaderFolder
{
    private const string Common = "common";
    private static readonly string[] Endings = [".comp", ".glsl"];
    private readonly string folder;
    private readonly IShaderCompiler compiler;
    private readonly ConcurrentDictionary<string, bool> compiled = [];

    /// <param name="folder">The folder.</param>
    /// <param name="compiler">Null = the one that is there.</param>
    /// <exception cref="ShaderException">There is no such folder, or no shader in it.</exception>
    /// <exception cref="GpuException">No compiler is there.</exception>
    public ShaderFolder(string folder, IShaderCompiler? compiler = null)
    {
        this.folder = folder;
        if (!Directory.Exists(folder))
        {
            throw new ShaderException($"There is no folder '{folder}': name a folder that is laid out as shaders/ is (conv/conv2d_fwd.comp, ...).");
        }
        if (!Files().Any(f => ShaderLibrary.Names.Contains(Path.ChangeExtension(Path.GetRelativePath(folder, f), null).Replace('\\', '/'))))
        {
            throw new ShaderException($"'{folder}' holds no kernel's shader: it must be laid out as shaders/ is (conv/conv2d_fwd.comp, ...), includes beside them; 'xclr shaders' lists the kernels.");
        }
        this.compiler = compiler ?? ShaderCompiler.Open();
    }

    /// <summary>Kernels compiled from the folder so far whose code is not the program's.</summary>
    public IReadOnlyList<string> Edited => [.. compiled.Where(c => c.Value).Select(c => c.Key).Order(StringComparer.Ordinal)];

    /// <summary>Names, times and sizes of all shader files, as one text: another text means that something was edited.</summary>
    public string State() => string.Join('\n', Files().Order(StringComparer.Ordinal).Select(f => new FileInfo(f)).Select(f => $"{f.FullName} {f.LastWriteTimeUtc.Ticks} {(f.Exists ? f.Length : -1)}"));

    /// <summary>A kernel's SPIR-V words, compiled from the folder if its file is there.</summary>
    /// <exception cref="ShaderException">The file does not compile, or does not bind what the program gives the kernel.</exception>
    public uint[] Load(Kernel kernel)
    {
        var (source, define) = ShaderLibrary.SourceOf(kernel.Name);
        var file = Path.Combine(folder, source + ".comp");
        var built = ShaderLibrary.Load(kernel.Name);
        if (!File.Exists(file))
        {
            return built;
        }
        var words = compiler.Compile(file, Path.Combine(folder, Common), define);
        RequireSameInterface(kernel, ShaderInterface.Read(words), file);
        compiled[kernel.Name] = !words.AsSpan().SequenceEqual(built);
        return words;
    }

    private IEnumerable<string> Files() => Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories).Where(f => Endings.Contains(Path.GetExtension(f)));

    private static void RequireSameInterface(Kernel kernel, ShaderInterface shader, string file)
    {
        void Same(string what, object has, object given)
        {
            if (!has.Equals(given))
            {
                throw new ShaderException($"{file}: the shader has {what} {has}, the program gives {given}. Code can be edited here; what a kernel binds is changed in the program too (see shaders/README.md).");
            }
        }
        Same("bindings", string.Join(',', shader.Bindings.Select(b => b.Binding)), string.Join(',', Enumerable.Range(0, kernel.Bindings)));
        Same("read-only bindings", shader.Bindings.Count(b => b.NonWritable && b.Binding < kernel.Reads - kernel.Pointers), kernel.Reads - kernel.Pointers);
        Same("texel buffers", shader.Bindings.TakeWhile(b => b.Kind == BindingKind.Texels).Count(), kernel.Texels);
        Same("images", shader.Bindings.TakeWhile(b => b.Kind == BindingKind.Image).Count(), kernel.Images);
        Same("bytes of push constants", shader.PushBytes, kernel.PushBytes);
        Same("specialisation constants at least", Math.Min(shader.SpecializationIds.Count, kernel.Specialization.Length), kernel.Specialization.Length);
    }
}

using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;

namespace XClr.Gpu.Compilers;

/// <summary>The library shaderc, in this process. Source of the calls: shaderc's header shaderc/shaderc.h.</summary>
internal sealed unsafe partial class ShadercCompiler : IShaderCompiler
{
    private const string Library = "shaderc";
    private const int ComputeShader = 2, Performance = 2, TargetVulkan = 0, Success = 0;
    private const uint Vulkan12 = 1 << 22 | 2 << 12;
    private static readonly string[] Names = ["libshaderc.so.1", "libshaderc_shared.so.1", "libshaderc_shared.dylib", "libshaderc.1.dylib", "shaderc_shared.dll"];

    private static readonly nint Handle = Names.Select(n => NativeLibrary.TryLoad(n, out var handle) ? handle : 0).FirstOrDefault(h => h != 0);

    static ShadercCompiler() => NativeLibrary.SetDllImportResolver(typeof(ShadercCompiler).Assembly, (name, _, _) => name == Library ? Handle : 0);

    /// <summary>Whether the library can be loaded.</summary>
    public static bool IsThere => Handle != 0;

    /// <inheritdoc/>
    public uint[] Compile(string file, string includes, string? define)
    {
        var compiler = Initialize();
        var options = InitializeOptions();
        var folder = GCHandle.Alloc(includes);
        try
        {
            SetOptimizationLevel(options, Performance);
            SetTargetEnvironment(options, TargetVulkan, Vulkan12);
            SetWarningsAsErrors(options);
            if (define is not null)
            {
                AddMacroDefinition(options, define, (nuint)define.Length, null, 0);
            }
            SetIncludeCallbacks(options, Resolve, ReleaseResolved, (void*)GCHandle.ToIntPtr(folder));
            var text = File.ReadAllBytes(file);
            return Words(CompileIntoSpirv(compiler, text, (nuint)text.Length, ComputeShader, file, "main", options));
        }
        finally
        {
            folder.Free();
            ReleaseOptions(options);
            Release(compiler);
        }
    }

    private static uint[] Words(nint result)
    {
        try
        {
            return Status(result) == Success
                ? new ReadOnlySpan<uint>(Bytes(result), (int)(Length(result) / sizeof(uint))).ToArray()
                : throw ShaderException.Of(Marshal.PtrToStringUTF8((nint)ErrorMessage(result)) ?? "");
        }
        finally
        {
            ReleaseResult(result);
        }
    }

    /// <summary>The callbacks that find included files; their user data is a GCHandle of the folder. Any binding of shaderc takes them.</summary>
    internal static delegate* unmanaged[Cdecl]<void*, byte*, int, byte*, nuint, IncludeResult*> Resolve => &Include;

    internal static delegate* unmanaged[Cdecl]<void*, IncludeResult*, void> ReleaseResolved => &ReleaseInclude;

    /// <summary>shaderc_include_result. An empty name says that Content is an error message.</summary>
    internal struct IncludeResult
    {
        public byte* Name;
        public nuint NameLength;
        public byte* Content;
        public nuint ContentLength;
        public void* User;
    }

    // No exception may leave a callback: of a file that cannot be read the message is told, in glslc's words.
    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static IncludeResult* Include(void* user, byte* requested, int type, byte* requesting, nuint depth)
    {
        var (file, text) = ("", Array.Empty<byte>());
        try
        {
            var name = Marshal.PtrToStringUTF8((nint)requested) ?? "";
            string[] folders = [Path.GetDirectoryName(Marshal.PtrToStringUTF8((nint)requesting)) ?? "", (string)GCHandle.FromIntPtr((nint)user).Target!];
            file = folders.Select(f => Path.Combine(f, name)).First(File.Exists);
            text = File.ReadAllBytes(file);
        }
        catch (Exception e)
        {
            (file, text) = ("", Encoding.UTF8.GetBytes(e is InvalidOperationException ? "Cannot find or open include file." : e.Message));
        }
        var result = (IncludeResult*)NativeMemory.Alloc((nuint)sizeof(IncludeResult));
        result->Name = Copy(Encoding.UTF8.GetBytes(file), out result->NameLength);
        result->Content = Copy(text, out result->ContentLength);
        result->User = null;
        return result;
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void ReleaseInclude(void* user, IncludeResult* result)
    {
        NativeMemory.Free(result->Name);
        NativeMemory.Free(result->Content);
        NativeMemory.Free(result);
    }

    private static byte* Copy(byte[] bytes, out nuint length)
    {
        var copy = (byte*)NativeMemory.Alloc((nuint)Math.Max(1, bytes.Length));
        bytes.CopyTo(new Span<byte>(copy, bytes.Length));
        length = (nuint)bytes.Length;
        return copy;
    }

    [LibraryImport(Library, EntryPoint = "shaderc_compiler_initialize")]
    private static partial nint Initialize();

    [LibraryImport(Library, EntryPoint = "shaderc_compiler_release")]
    private static partial void Release(nint compiler);

    [LibraryImport(Library, EntryPoint = "shaderc_compile_options_initialize")]
    private static partial nint InitializeOptions();

    [LibraryImport(Library, EntryPoint = "shaderc_compile_options_release")]
    private static partial void ReleaseOptions(nint options);

    [LibraryImport(Library, EntryPoint = "shaderc_compile_options_set_optimization_level")]
    private static partial void SetOptimizationLevel(nint options, int level);

    [LibraryImport(Library, EntryPoint = "shaderc_compile_options_set_target_env")]
    private static partial void SetTargetEnvironment(nint options, int target, uint version);

    [LibraryImport(Library, EntryPoint = "shaderc_compile_options_set_warnings_as_errors")]
    private static partial void SetWarningsAsErrors(nint options);

    [LibraryImport(Library, EntryPoint = "shaderc_compile_options_add_macro_definition", StringMarshalling = StringMarshalling.Utf8)]
    private static partial void AddMacroDefinition(nint options, string name, nuint nameLength, string? value, nuint valueLength);

    [LibraryImport(Library, EntryPoint = "shaderc_compile_options_set_include_callbacks")]
    private static partial void SetIncludeCallbacks(
        nint options, delegate* unmanaged[Cdecl]<void*, byte*, int, byte*, nuint, IncludeResult*> resolve, delegate* unmanaged[Cdecl]<void*, IncludeResult*, void> release, void* user);

    [LibraryImport(Library, EntryPoint = "shaderc_compile_into_spv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint CompileIntoSpirv(nint compiler, ReadOnlySpan<byte> text, nuint length, int kind, string file, string entryPoint, nint options);

    [LibraryImport(Library, EntryPoint = "shaderc_result_get_compilation_status")]
    private static partial int Status(nint result);

    [LibraryImport(Library, EntryPoint = "shaderc_result_get_length")]
    private static partial nuint Length(nint result);

    [LibraryImport(Library, EntryPoint = "shaderc_result_get_bytes")]
    private static partial byte* Bytes(nint result);

    [LibraryImport(Library, EntryPoint = "shaderc_result_get_error_message")]
    private static partial byte* ErrorMessage(nint result);

    [LibraryImport(Library, EntryPoint = "shaderc_result_release")]
    private static partial void ReleaseResult(nint result);
}

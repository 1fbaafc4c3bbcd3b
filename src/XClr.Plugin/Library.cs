using System.Reflection;
using System.Runtime.InteropServices;
using Microsoft.ML.OnnxRuntime;
using SkiaSharp;
using XClr.Data;
using XClr.Text;

namespace XClr.Plugin;

/// <summary>Finds what lies beside this library's file: .NET looks in the folder of the host's program only.</summary>
internal static unsafe partial class Library
{
    /// <summary>The directory of a text encoder that ships beside the library, else the name as it is.</summary>
    public static string Find(string encoder) =>
        encoder == CaptionEmbedder.Default && Folder() is { } folder && Path.Combine(folder, "Models", encoder) is var shipped && System.IO.Directory.Exists(shipped) ? shipped : encoder;

    /// <summary>Makes the libraries' own callers look here first.</summary>
    public static void FindNeighbours()
    {
        foreach (var user in new[] { typeof(ImageDecoder).Assembly, typeof(SKBitmap).Assembly, typeof(OrtEnv).Assembly })
        {
            NativeLibrary.SetDllImportResolver(user, Load);
        }
    }

    // 0: as .NET looks for it.
    private static nint Load(string name, Assembly user, DllImportSearchPath? path) =>
        Folder() is { } folder && NativeLibrary.TryLoad(Path.Combine(folder, FileName(name)), out var library) ? library : 0;

    private static string FileName(string name) => OperatingSystem.IsWindows() ? $"{name}.dll"
        : $"{(name.StartsWith("lib", StringComparison.Ordinal) ? "" : "lib")}{name}{(OperatingSystem.IsMacOS() ? ".dylib" : ".so")}";

    private static string? Folder()
    {
        if (OperatingSystem.IsWindows())
        {
            return AppContext.BaseDirectory;
        }
        var found = new SymbolInfo();
        return AddressInfo((nint)(delegate* unmanaged<uint>)&Exports.Version, ref found) == 0 ? null : Path.GetDirectoryName(Path.GetFullPath(Marshal.PtrToStringUTF8(found.File)!));
    }

    [LibraryImport("libc", EntryPoint = "dladdr")]
    private static partial int AddressInfo(nint address, ref SymbolInfo info);

    // Dl_info.
    private struct SymbolInfo
    {
        public nint File, Base, Symbol, Address;
    }
}

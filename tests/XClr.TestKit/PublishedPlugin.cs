namespace XClr.TestKit;

/// <summary>libxclr.so as hosts have it: published with NativeAOT.</summary>
public static class PublishedPlugin
{
    /// <summary>Where it is published.</summary>
    public static string Folder { get; } = Path.Combine(Repository.Root, "build", "plugin");

    /// <summary>Where the samples' sources are.</summary>
    public static string Samples { get; } = Path.Combine(Repository.Root, "native", "samples");

    /// <summary>Publishes it, where its sources have changed.</summary>
    public static void Publish() => Programs.Run(Path.Combine(Repository.Root, "xclr"), "publish", "--library");

    /// <summary>Compiles a sample, which finds the library where it is published. Returns the program.</summary>
    public static string Compile(string sample, string folder, string library)
    {
        var program = Path.Combine(folder, sample);
        Programs.Run("cc", "-std=c11", "-Wall", "-Wextra", "-Werror", "-I", Path.Combine(Samples, "..", "include"), Path.Combine(Samples, $"{sample}.c"), "-o", program, "-L", Folder, "-lxclr", library, $"-Wl,-rpath,{Folder}");
        return program;
    }
}

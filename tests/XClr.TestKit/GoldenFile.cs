using XClr.Nn;

namespace XClr.TestKit;

/// <summary>Opens the committed golden files of tests/Golden/data.</summary>
public static class GoldenFile
{
    /// <summary>Opens a golden file by its path below tests/Golden/data.</summary>
    /// <exception cref="SafetensorsException">It is missing: goldens belong to the repository, so this is an error, not a reason to skip.</exception>
    public static SafetensorsFile Open(string path) => SafetensorsFile.Open(PathOf(path));

    /// <summary>Where a golden file lies.</summary>
    public static string PathOf(string path) => Path.Combine(Repository.Root, "tests", "Golden", "data", path);
}

namespace XClr.TestKit;

/// <summary>Where the tests' files lie. Compiled into test projects that need nothing else of the test kit, too.</summary>
public static class Repository
{
    /// <summary>The folder of XClr.Vulkan.sln.</summary>
    public static string Root { get; } = FindRoot();

    /// <summary>The photographs and models beside the repository, for tests that skip without them: XCLR_ASSETS, or ../shared/assets.</summary>
    public static string Assets => Environment.GetEnvironmentVariable("XCLR_ASSETS") ?? Path.GetFullPath(Path.Combine(Root, "..", "shared", "assets"));

    private static string FindRoot()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "XClr.Vulkan.sln")))
            {
                return folder.FullName;
            }
        }
        throw new DirectoryNotFoundException($"No folder above {AppContext.BaseDirectory} holds XClr.Vulkan.sln.");
    }
}

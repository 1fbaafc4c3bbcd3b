namespace XClr.TestKit;

/// <summary>Where the repository lies.</summary>
public static class Repository
{
    /// <summary>The folder of XClr.Vulkan.sln.</summary>
    public static string Root { get; } = FindRoot();

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

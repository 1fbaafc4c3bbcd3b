namespace XClr.Text;

/// <summary>Where caches lie: $XCLR_CACHE, else $XDG_CACHE_HOME/xclr, else ~/.cache/xclr, else (an account without a home) xclr-USER in the folder for temporary files.</summary>
public static class CacheFolder
{
    public static string Default
    {
        get
        {
            if (Environment.GetEnvironmentVariable("XCLR_CACHE") is { Length: > 0 } own)
            {
                return own;
            }
            if (Environment.GetEnvironmentVariable("XDG_CACHE_HOME") is { Length: > 0 } xdg && Path.IsPathRooted(xdg))
            {
                return Path.Combine(xdg, "xclr");
            }
            return Environment.GetFolderPath(Environment.SpecialFolder.UserProfile) is var home && Path.IsPathRooted(home) ? Path.Combine(home, ".cache", "xclr") : Path.Combine(Path.GetTempPath(), $"xclr-{Environment.UserName}");
        }
    }
}

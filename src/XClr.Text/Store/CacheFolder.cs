namespace XClr.Text;

/// <summary>Where caches lie: $XCLR_CACHE, else $XDG_CACHE_HOME/xclr, else ~/.cache/xclr.</summary>
public static class CacheFolder
{
    public static string Default
    {
        get
        {
            if (Environment.GetEnvironmentVariable("XCLR_CACHE") is { Length: > 0 } own) return own;
            if (Environment.GetEnvironmentVariable("XDG_CACHE_HOME") is { Length: > 0 } xdg && Path.IsPathRooted(xdg)) return Path.Combine(xdg, "xclr");
            return Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache", "xclr");
        }
    }
}

namespace XClr.Gpu;

/// <summary>How a device is opened.</summary>
public sealed record DeviceOptions
{
    /// <summary>Index, UUID or part of the name; null = XCLR_DEVICE, else the best device.</summary>
    public string? Device { get; init; }

    /// <summary>Caps to lower, "name=value,..."; null = XCLR_CAPS.</summary>
    public string? LowerCaps { get; init; }

    /// <summary>Bytes of device memory that may be used; null = all of it.</summary>
    public long? MemoryLimit { get; init; }

    /// <summary>Null = XCLR_VALIDATION (off|core|synchronization), else off. If the level came from the environment, validation messages are an error at disposal.</summary>
    public ValidationLevel? Validation { get; init; }

    /// <summary>Folder of the pipeline cache; null = no file.</summary>
    public string? CacheFolder { get; init; }

    /// <summary>Gives the measured choices for a device's caps; null, or a null result = those saved in the cache's folder.</summary>
    public Func<DeviceCaps, Tuning?>? Tuning { get; init; }

    /// <summary>Edited shaders used instead of the program's; null = none. With them saved figures of the compiler are neither used nor updated.</summary>
    public ShaderFolder? Shaders { get; init; }

    internal string? FiguresFolder => Shaders is null ? CacheFolder : null;
}

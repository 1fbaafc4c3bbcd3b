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

    /// <summary>Null = XCLR_VALIDATION (off|core|synchronization), else off; messages of a level that the environment asked for are an error at disposal.</summary>
    public ValidationLevel? Validation { get; init; }

    /// <summary>Folder of the pipeline cache; null = no file.</summary>
    public string? CacheFolder { get; init; }

    /// <summary>Measured choices for a device's caps; null, or a null result = what is kept in the cache's folder.</summary>
    public Func<DeviceCaps, Tuning?>? Tuning { get; init; }

    /// <summary>Edited shaders that take the place of the program's; null = none. What is known of the compiler's figures is then neither used nor kept.</summary>
    public ShaderFolder? Shaders { get; init; }

    internal string? FiguresFolder => Shaders is null ? CacheFolder : null;
}

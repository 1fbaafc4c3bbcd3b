namespace XClr.Data;

/// <summary>How an image is decoded. Sizes are those of the upright image, in pixels.</summary>
public sealed record DecodeOptions
{
    /// <summary>Full size, default limits.</summary>
    public static DecodeOptions Default { get; } = new();

    /// <summary>
    /// A JPEG may be decoded at 1/2, 1/4 or 1/8 size if its width stays at least this; 0 here or in <see cref="MinHeight"/>: full size.
    /// </summary>
    public int MinWidth { get; init; }

    /// <summary>As <see cref="MinWidth"/>, for the height.</summary>
    public int MinHeight { get; init; }

    /// <summary>Images of more pixels (width x height, as stored) are refused as too large.</summary>
    public long MaxPixels { get; init; } = 100_000_000;

    /// <summary>
    /// Images that would take more than this many bytes (width x height x 3) are reduced until they fit, whatever the minimum
    /// size says; <see cref="DecodedImage.Reduced"/> tells. 0: no bound.
    /// </summary>
    public long MaxBytes { get; init; }
}

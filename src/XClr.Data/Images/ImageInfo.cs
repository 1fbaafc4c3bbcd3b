namespace XClr.Data;

/// <summary>What an image's header says.</summary>
/// <param name="Width">Pixels, upright (after the EXIF orientation).</param>
/// <param name="Height">Pixels, upright.</param>
/// <param name="Orientation">EXIF orientation of the stored pixels, 1 to 8; 1 is upright.</param>
/// <param name="IsJpeg">Whether it is a JPEG (which can be decoded at a smaller scale).</param>
public readonly record struct ImageInfo(int Width, int Height, int Orientation, bool IsJpeg)
{
    /// <summary>Whether the stored rows are the upright image's columns.</summary>
    internal bool Transposed => Orientation >= 5;

    internal int StoredWidth => Transposed ? Height : Width;

    internal int StoredHeight => Transposed ? Width : Height;

    internal static ImageInfo FromStored(int width, int height, int orientation, bool isJpeg) => orientation >= 5
        ? new(height, width, orientation, isJpeg)
        : new(width, height, orientation, isJpeg);
}

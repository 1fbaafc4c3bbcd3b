using System.Runtime.InteropServices;

namespace XClr.Data;

/// <summary>A box of an image, in whole pixels: left and top edge, width and height of at least 1. Laid out as the native library's xclr_box.</summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly record struct PixelBox(int X, int Y, int Width, int Height)
{
    /// <summary>The smallest box that holds the crops of all views.</summary>
    public static PixelBox Around(ReadOnlySpan<AugmentParams> views)
    {
        var (left, top, right, bottom) = (int.MaxValue, int.MaxValue, 0, 0);
        foreach (var view in views)
        {
            (left, top) = (Math.Min(left, view.CropX), Math.Min(top, view.CropY));
            (right, bottom) = (Math.Max(right, view.CropX + view.CropW), Math.Max(bottom, view.CropY + view.CropH));
        }
        return new(left, top, right - left, bottom - top);
    }
}

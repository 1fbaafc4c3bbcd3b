using System.Runtime.InteropServices;

namespace XClr.Data;

/// <summary>A box of an image, in whole pixels: left and top edge, width and height of at least 1. Laid out as the native library's xclr_box.</summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly record struct PixelBox(int X, int Y, int Width, int Height)
{
    /// <summary>The smallest box that holds the crops of all views, once they are brought from an image of one size to one of another.</summary>
    public static PixelBox Around(ReadOnlySpan<AugmentParams> views, int fromWidth, int fromHeight, int toWidth, int toHeight)
    {
        var (left, top, right, bottom) = (int.MaxValue, int.MaxValue, 0, 0);
        foreach (ref readonly var drawn in views)
        {
            var view = drawn.Rescaled(fromWidth, fromHeight, toWidth, toHeight);
            (left, top) = (Math.Min(left, view.CropX), Math.Min(top, view.CropY));
            (right, bottom) = (Math.Max(right, view.CropX + view.CropW), Math.Max(bottom, view.CropY + view.CropH));
        }
        return new(left, top, right - left, bottom - top);
    }
}

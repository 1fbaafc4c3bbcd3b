using Silk.NET.Vulkan;

namespace XClr.Gpu;

/// <summary>
/// A host's VkImageView whose bytes are read as they are: 2-D, of one of the 8-bit formats without a transfer function, in the layout that its image has when the host's commands run. What a view is cannot be asked
/// of it, so the host says it.
/// </summary>
public readonly record struct HostImageView
{
    private static readonly Format[] Formats = [Format.R8G8B8A8Unorm, Format.B8G8R8A8Unorm, Format.A8B8G8R8UnormPack32];
    private static readonly ImageLayout[] Layouts = [ImageLayout.ShaderReadOnlyOptimal, ImageLayout.General];

    private HostImageView(ulong handle, ImageLayout layout) => (Handle, Layout) = (handle, layout);

    internal ulong Handle { get; }

    internal ImageLayout Layout { get; }

    /// <summary>What is wrong with a VkFormat, in words; null: nothing.</summary>
    public static string? FormatFault(uint format) => Formats.Contains((Format)format) ? null
        : $"is {format} ({(Format)format}); allowed: {Listed(Formats)}{($"{(Format)format}".EndsWith("Srgb", StringComparison.Ordinal) ? ". A view of an sRGB format changes the values as it reads them: make a view of the image's UNORM format (VK_IMAGE_CREATE_MUTABLE_FORMAT_BIT)" : "")}.";

    /// <summary>What is wrong with a VkImageLayout, in words; null: nothing.</summary>
    public static string? LayoutFault(uint layout) => Layouts.Contains((ImageLayout)layout) ? null : $"is {layout} ({(ImageLayout)layout}); allowed: {Listed(Layouts)}.";

    /// <summary>A view (VkImageView) of a format and in a layout that have no fault.</summary>
    public static HostImageView Of(ulong handle, uint layout) => new(handle, (ImageLayout)layout);

    private static string Listed<T>(IEnumerable<T> values) where T : struct, Enum => string.Join(", ", values.Select(v => $"{Convert.ToInt32(v, null)} ({v})"));
}

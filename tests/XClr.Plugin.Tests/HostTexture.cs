using Silk.NET.Vulkan;
using XClr.Gpu;

namespace XClr.Plugin.Tests;

/// <summary>A host's image of 4 bytes a pixel, with a view of the whole of it.</summary>
internal sealed unsafe class HostTexture : IDisposable
{
    private readonly GpuDevice host;
    private readonly Image image;
    private readonly ImageView view;
    private readonly DeviceMemory memory;
    private readonly Extent3D extent;

    public HostTexture(GpuDevice host, Format format, int width, int height)
    {
        this.host = host;
        extent = new Extent3D((uint)width, (uint)height, 1);
        var info = new ImageCreateInfo
        {
            SType = StructureType.ImageCreateInfo,
            ImageType = ImageType.Type2D,
            Format = format,
            Extent = extent,
            MipLevels = 1,
            ArrayLayers = 1,
            Samples = SampleCountFlags.Count1Bit,
            Tiling = ImageTiling.Optimal,
            Usage = ImageUsageFlags.SampledBit | ImageUsageFlags.TransferDstBit,
        };
        host.Vk.CreateImage(host.Handle, &info, null, out image).Check("vkCreateImage");
        host.Vk.GetImageMemoryRequirements(host.Handle, image, out var needs);
        var allocate = new MemoryAllocateInfo { SType = StructureType.MemoryAllocateInfo, AllocationSize = needs.Size, MemoryTypeIndex = (uint)System.Numerics.BitOperations.TrailingZeroCount(needs.MemoryTypeBits) };
        host.Vk.AllocateMemory(host.Handle, &allocate, null, out memory).Check("vkAllocateMemory");
        host.Vk.BindImageMemory(host.Handle, image, memory, 0).Check("vkBindImageMemory");
        var viewInfo = new ImageViewCreateInfo { SType = StructureType.ImageViewCreateInfo, Image = image, ViewType = ImageViewType.Type2D, Format = format, SubresourceRange = Whole };
        host.Vk.CreateImageView(host.Handle, &viewInfo, null, out view).Check("vkCreateImageView");
    }

    public ulong View => view.Handle;

    private static ImageSubresourceRange Whole => new(ImageAspectFlags.ColorBit, 0, 1, 0, 1);

    /// <summary>Fills the image from a buffer whose rows are rowPixels long, and leaves it in a layout.</summary>
    public void Fill(nint commandBuffer, HostMemory from, int offset, int rowPixels, ImageLayout layout)
    {
        var commands = new CommandBuffer(commandBuffer);
        Change(commands, ImageLayout.Undefined, ImageLayout.TransferDstOptimal);
        var region = new BufferImageCopy { BufferOffset = (ulong)offset, BufferRowLength = (uint)rowPixels, ImageSubresource = new(ImageAspectFlags.ColorBit, 0, 0, 1), ImageExtent = extent };
        host.Vk.CmdCopyBufferToImage(commands, new Silk.NET.Vulkan.Buffer(from.Buffer), image, ImageLayout.TransferDstOptimal, 1, &region);
        Change(commands, ImageLayout.TransferDstOptimal, layout);
    }

    private void Change(CommandBuffer commands, ImageLayout from, ImageLayout to)
    {
        var barrier = new ImageMemoryBarrier
        {
            SType = StructureType.ImageMemoryBarrier,
            SrcAccessMask = AccessFlags.TransferWriteBit,
            DstAccessMask = AccessFlags.TransferWriteBit,
            OldLayout = from,
            NewLayout = to,
            SrcQueueFamilyIndex = Vk.QueueFamilyIgnored,
            DstQueueFamilyIndex = Vk.QueueFamilyIgnored,
            Image = image,
            SubresourceRange = Whole,
        };
        host.Vk.CmdPipelineBarrier(commands, PipelineStageFlags.TransferBit, PipelineStageFlags.TransferBit, 0, 0, null, 0, null, 1, &barrier);
    }

    public void Dispose()
    {
        host.Vk.DestroyImageView(host.Handle, view, null);
        host.Vk.DestroyImage(host.Handle, image, null);
        host.Vk.FreeMemory(host.Handle, memory, null);
    }
}

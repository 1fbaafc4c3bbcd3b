using System.Runtime.InteropServices;
using Silk.NET.Vulkan;
using Buffer = Silk.NET.Vulkan.Buffer;

namespace XClr.Gpu;

/// <summary>
/// A host's command buffer, in the recording state and outside a render pass, into which copies, reads of its images and a plan's run are recorded; nothing is submitted. Each call stands behind all that was recorded before it.
/// </summary>
public sealed unsafe class HostCommands
{
    // vkCmdUpdateBuffer's limit.
    private const int UpdateBytes = 65536;
    private const AccessFlags Any = AccessFlags.MemoryReadBit | AccessFlags.MemoryWriteBit;
    private readonly GpuDevice device;
    private readonly CommandBuffer commands;

    /// <param name="device">Device whose queue family the command buffer's pool is of.</param>
    /// <param name="commandBuffer">VkCommandBuffer.</param>
    public HostCommands(GpuDevice device, nint commandBuffer) => (this.device, commands) = (device, new CommandBuffer(commandBuffer));

    /// <summary>Copies bytes of a host's VkBuffer (usage TRANSFER_SRC) to a placed buffer.</summary>
    public void CopyIn(ulong buffer, long offset, BufferView to) => Copy(new Buffer(buffer), HandleOf(to), [new BufferCopy((ulong)offset, PlaceOf(to), (ulong)to.Bytes)]);

    /// <summary>Copies rows of a placed buffer to a host's VkBuffer (usage TRANSFER_DST), without the padding between them.</summary>
    public void CopyOut(BufferView from, int rows, long rowBytes, long usedBytes, ulong buffer, long offset)
    {
        var regions = new BufferCopy[rows];
        for (var i = 0; i < rows; i++)
        {
            regions[i] = new BufferCopy(PlaceOf(from) + (ulong)(i * rowBytes), (ulong)(offset + i * usedBytes), (ulong)usedBytes);
        }
        Copy(HandleOf(from), new Buffer(buffer), regions);
    }

    /// <summary>Writes values, which are copied now, to a placed buffer.</summary>
    public void Update<T>(BufferView to, ReadOnlySpan<T> values) where T : unmanaged
    {
        var bytes = MemoryMarshal.AsBytes(values);
        WaitForAll();
        fixed (byte* p = bytes)
        {
            for (var done = 0; done < bytes.Length; done += UpdateBytes)
            {
                device.Vk.CmdUpdateBuffer(commands, HandleOf(to), PlaceOf(to) + (ulong)done, (ulong)Math.Min(UpdateBytes, bytes.Length - done), p + done);
            }
        }
    }

    /// <summary>Runs a kernel once for each image, from images[i] to to[i]. <paramref name="bindings"/> are in use until the host's submit has ended.</summary>
    public void Dispatch<TParams>(Kernel<TParams> kernel, long groups, TParams parameters, IReadOnlyList<HostImageView> images, IReadOnlyList<BufferView> to, HostImageBindings bindings) where TParams : unmanaged
    {
        WaitForAll();
        device.Labels.Begin(commands, kernel.Name);
        var pipeline = device.Pipelines.Get(kernel);
        device.Vk.CmdBindPipeline(commands, PipelineBindPoint.Compute, pipeline.Handle);
        device.Vk.CmdPushConstants(commands, pipeline.Layout, ShaderStageFlags.ComputeBit, 0, (uint)sizeof(TParams), &parameters);
        var grid = Plan.Grid(groups, device.Caps.MaxComputeWorkGroupCount);
        for (var i = 0; i < images.Count; i++)
        {
            var set = bindings.Bind(i, images[i], to[i]);
            device.Vk.CmdBindDescriptorSets(commands, PipelineBindPoint.Compute, pipeline.Layout, 0, 1, in set, 0, null);
            device.Vk.CmdDispatch(commands, grid.X, grid.Y, grid.Z);
        }
        device.Labels.End(commands);
    }

    /// <summary>A run of a plan.</summary>
    public void Run(Plan plan)
    {
        WaitForAll();
        plan.RecordInto(commands);
    }

    /// <summary>What was recorded so far is done and seen by whatever the host records next.</summary>
    public void WaitForAll() => Barriers.Memory(device.Vk, commands, PipelineStageFlags.AllCommandsBit, AccessFlags.MemoryWriteBit, PipelineStageFlags.AllCommandsBit, Any);

    private static Buffer HandleOf(BufferView view) => view.Buffer.Placement!.Value.Block.Handle;

    private static ulong PlaceOf(BufferView view) => (ulong)(view.Buffer.Placement!.Value.Offset + view.Offset);

    private void Copy(Buffer from, Buffer to, BufferCopy[] regions)
    {
        WaitForAll();
        fixed (BufferCopy* p = regions)
        {
            device.Vk.CmdCopyBuffer(commands, from, to, (uint)regions.Length, p);
        }
    }
}

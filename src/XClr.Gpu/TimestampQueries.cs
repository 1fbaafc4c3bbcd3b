using System.Diagnostics;
using Silk.NET.Vulkan;

namespace XClr.Gpu;

/// <summary>A pool of timestamps. Every query command of the engine is recorded here, so that a plan without one has none.</summary>
internal sealed unsafe class TimestampQueries : IDisposable
{
    /// <summary>How long a read waits unless told otherwise: timestamps are there when the work is, or never (drivers that execute nothing).</summary>
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(2);
    private readonly GpuDevice device;
    private readonly QueryPool pool;

    public TimestampQueries(GpuDevice device, int count)
    {
        this.device = device;
        Count = count;
        var info = new QueryPoolCreateInfo { SType = StructureType.QueryPoolCreateInfo, QueryType = QueryType.Timestamp, QueryCount = (uint)count };
        device.Vk.CreateQueryPool(device.Handle, &info, null, out pool).Check("vkCreateQueryPool");
    }

    public int Count { get; }

    /// <summary>Query commands recorded so far.</summary>
    public int Commands { get; private set; }

    public void Reset(CommandBuffer commands) => Reset(commands, 0, Count);

    public void Reset(CommandBuffer commands, int first, int count)
    {
        device.Vk.CmdResetQueryPool(commands, pool, (uint)first, (uint)count);
        Commands++;
    }

    /// <summary>Written as soon as the commands before it have begun: a start. A barrier before it need not have been waited for (<see cref="PlanTimings"/>).</summary>
    public void WriteStart(CommandBuffer commands, int index) => Write(commands, PipelineStageFlags.TopOfPipeBit, index);

    /// <summary>Written when all commands before it have ended.</summary>
    public void WriteEnd(CommandBuffer commands, int index) => Write(commands, PipelineStageFlags.BottomOfPipeBit, index);

    /// <summary>All timestamps of the last run, as the device gives them; null where they are not there within the limit.</summary>
    public ulong[]? Read()
    {
        var ticks = new ulong[Count];
        var clock = Stopwatch.StartNew();
        fixed (ulong* p = ticks)
        {
            // Not with VK_QUERY_RESULT_WAIT_BIT, which has no time limit.
            while (true)
            {
                var result = device.Vk.GetQueryPoolResults(device.Handle, pool, 0, (uint)Count, (nuint)(Count * sizeof(ulong)), p, sizeof(ulong), QueryResultFlags.Result64Bit);
                result.Check("vkGetQueryPoolResults");
                if (result == Result.Success)
                {
                    return ticks;
                }
                if (clock.Elapsed > Limit)
                {
                    return null;
                }
                Thread.Sleep(1);
            }
        }
    }

    private void Write(CommandBuffer commands, PipelineStageFlags stage, int index)
    {
        device.Vk.CmdWriteTimestamp(commands, stage, pool, (uint)index);
        Commands++;
    }

    public void Dispose() => device.Vk.DestroyQueryPool(device.Handle, pool, null);
}

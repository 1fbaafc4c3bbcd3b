using Silk.NET.Vulkan;
using Semaphore = Silk.NET.Vulkan.Semaphore;

namespace XClr.Gpu;

/// <summary>A queue with its timeline semaphore: submission n signals the value n, and waits are for a value, with a time limit. Thread-safe.</summary>
internal sealed unsafe class GpuQueue : IDisposable
{
    // Waits are in pieces: the clock runs on while the process is stopped (Ctrl-Z, a machine asleep), and that costs one piece, not the limit.
    private static readonly TimeSpan Piece = TimeSpan.FromSeconds(5);
    private readonly GpuDevice device;
    private readonly Queue queue;
    private readonly Semaphore semaphore;
    private readonly Lock gate = new();
    private ulong submitted;

    public GpuQueue(GpuDevice device, uint family, Queue queue)
    {
        this.device = device;
        this.queue = queue;
        Family = family;
        var type = new SemaphoreTypeCreateInfo { SType = StructureType.SemaphoreTypeCreateInfo, SemaphoreType = SemaphoreType.Timeline };
        var info = new SemaphoreCreateInfo { SType = StructureType.SemaphoreCreateInfo, PNext = &type };
        device.Vk.CreateSemaphore(device.Handle, &info, null, out semaphore).Check("vkCreateSemaphore");
    }

    public uint Family { get; }

    /// <summary>The VkQueue.</summary>
    public nint Handle => queue.Handle;

    /// <summary>Value of the latest submission; 0 before the first.</summary>
    public ulong Submitted => Volatile.Read(ref submitted);

    /// <summary>Submits one command buffer after the given value of another queue (0 = no wait); returns the value that its end signals.</summary>
    public ulong Submit(CommandBuffer commands, GpuQueue? after = null, ulong afterValue = 0)
    {
        lock (gate)
        {
            var signal = submitted + 1;
            var waits = after is not null && after != this && afterValue > 0;
            Send(commands, waits ? new HostSemaphore(after!.semaphore.Handle, afterValue) : null, new HostSemaphore(semaphore.Handle, signal));
            submitted = signal;
            return signal;
        }
    }

    /// <summary>Submits no commands: what is submitted later waits for one host's semaphore, and the other is signalled when all that was submitted before has ended. Null = none.</summary>
    public void Order(HostSemaphore? wait, HostSemaphore? signal)
    {
        lock (gate)
        {
            Send(null, wait, signal);
        }
    }

    private void Send(CommandBuffer? commands, HostSemaphore? wait, HostSemaphore? signal)
    {
        var (buffer, stage) = (commands ?? default, PipelineStageFlags.AllCommandsBit);
        var (waitSemaphore, waitValue) = (new Semaphore(wait?.Handle), wait?.Value ?? 0);
        var (signalSemaphore, signalValue) = (new Semaphore(signal?.Handle), signal?.Value ?? 0);
        var (waits, signals) = (wait is null ? 0u : 1, signal is null ? 0u : 1);
        var timeline = new TimelineSemaphoreSubmitInfo
        {
            SType = StructureType.TimelineSemaphoreSubmitInfo,
            WaitSemaphoreValueCount = waits,
            PWaitSemaphoreValues = &waitValue,
            SignalSemaphoreValueCount = signals,
            PSignalSemaphoreValues = &signalValue,
        };
        var info = new SubmitInfo
        {
            SType = StructureType.SubmitInfo,
            PNext = &timeline,
            WaitSemaphoreCount = waits,
            PWaitSemaphores = &waitSemaphore,
            PWaitDstStageMask = &stage,
            CommandBufferCount = commands is null ? 0u : 1,
            PCommandBuffers = &buffer,
            SignalSemaphoreCount = signals,
            PSignalSemaphores = &signalSemaphore,
        };
        device.Vk.QueueSubmit(queue, 1, &info, default).Check("vkQueueSubmit");
    }

    /// <summary>Waits for a submission; false when the limit passes first.</summary>
    public bool TryWait(ulong value, TimeSpan limit)
    {
        if (value == 0)
        {
            return true;
        }
        var handle = semaphore;
        var info = new SemaphoreWaitInfo { SType = StructureType.SemaphoreWaitInfo, SemaphoreCount = 1, PSemaphores = &handle, PValues = &value };
        for (var left = limit; ; left -= Piece)
        {
            var result = device.Vk.WaitSemaphores(device.Handle, &info, (ulong)((left < Piece ? left : Piece).TotalSeconds * 1e9));
            result.Check("vkWaitSemaphores");
            if (result != Result.Timeout || left <= Piece)
            {
                return result != Result.Timeout;
            }
        }
    }

    /// <summary>Waits for all submissions so far; false when one does not end within the limit after the one before it.</summary>
    public bool TryFinish(TimeSpan limit)
    {
        // Not until the counter says so: on a device that executes nothing (tests/drivers) waits end, and the counter stands.
        var last = Submitted;
        for (var value = Ended() + 1; value <= last; value++)
        {
            if (!TryWait(value, limit))
            {
                return false;
            }
        }
        return true;
    }

    // Value of the latest submission that has ended.
    private ulong Ended()
    {
        ulong value;
        device.Vk.GetSemaphoreCounterValue(device.Handle, semaphore, &value).Check("vkGetSemaphoreCounterValue");
        return value;
    }

    /// <summary>Waits for a submission.</summary>
    /// <exception cref="DeviceLostException">The limit passed.</exception>
    public void Wait(ulong value, TimeSpan limit)
    {
        if (!TryWait(value, limit))
        {
            throw new DeviceLostException($"{device.Caps.Name} did not finish a submit within {limit.TotalSeconds:0} s.");
        }
    }

    public void Dispose() => device.Vk.DestroySemaphore(device.Handle, semaphore, null);
}

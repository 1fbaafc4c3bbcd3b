using System.Runtime.InteropServices;
using XClr.Gpu;
using XClr.Train;

namespace XClr.Plugin;

/// <summary>A device and all that hangs on it. One thread at a time is in it.</summary>
internal sealed unsafe class Context : IDisposable
{
    private readonly delegate* unmanaged<int, byte*, void*, void> log;
    private readonly void* logUser;
    private readonly List<IDisposable> members = [];
    private int entered;

    public Context(ContextInfo info)
    {
        log = info.Log;
        logUser = info.LogUser;
        IsShared = info.Shared is not null;
        var options = TrainSetup.DeviceOptions(info.Device is null ? null : Boundary.Text(info.Device, "device"), info.MemoryLimit == 0 ? null : (long)Math.Min(info.MemoryLimit, long.MaxValue));
        Device = info.Shared is null ? GpuDevice.Open(options with { Validation = Validation(info.Validation) }) : OpenShared(*info.Shared, options);
    }

    public GpuDevice Device { get; }

    /// <summary>The device is the host's.</summary>
    public bool IsShared { get; }

    /// <summary>Runs a call on the object of a handle. A second thread is refused, and so is a call whose object another thread destroyed since it was looked up.</summary>
    public void Enter(ulong handle, Action body)
    {
        if (Interlocked.CompareExchange(ref entered, 1, 0) != 0)
        {
            throw new BusyException();
        }
        try
        {
            _ = Handles.Get<IDisposable>(handle, "object");
            body();
        }
        finally
        {
            Volatile.Write(ref entered, 0);
        }
    }

    /// <summary>Ends with the context.</summary>
    public T Keep<T>(T member) where T : IDisposable
    {
        members.Add(member);
        return member;
    }

    /// <summary>Ends now.</summary>
    public void End(IDisposable member)
    {
        Handles.Remove(member);
        members.Remove(member);
        member.Dispose();
    }

    public void Info(string message) => Log(0, message);

    public void Warn(string message) => Log(1, message);

    public void Dispose()
    {
        foreach (var member in Enumerable.Reverse(members).ToList())
        {
            End(member);
        }
        Device.Dispose();
    }

    // Left to XCLR_VALIDATION where it is off, as on the command line.
    private static ValidationLevel? Validation(uint level) => level switch
    {
        0 => null,
        1 => ValidationLevel.Core,
        2 => ValidationLevel.Synchronization,
        _ => throw new UsageException($"validation is {level}; allowed: 0 (off), 1 (core), 2 (with synchronization)."),
    };

    private static GpuDevice OpenShared(SharedDevice shared, DeviceOptions options)
    {
        Boundary.RequireSize(shared.Size, sizeof(SharedDevice), "xclr_shared_device");
        foreach (var (handle, name) in new[] { (shared.Instance, "instance"), (shared.PhysicalDevice, "physical_device"), (shared.Device, "device"), (shared.Queue, "queue"), (shared.Features, "features") })
        {
            Boundary.Require((void*)handle, $"xclr_shared_device.{name}");
        }
        var extensions = new HashSet<string>(StringComparer.Ordinal);
        for (var i = 0; i < shared.ExtensionCount; i++)
        {
            extensions.Add(Boundary.Text(shared.Extensions is null ? null : shared.Extensions[i], $"xclr_shared_device.extensions[{i}]"));
        }
        var enabled = HostFeatures.Read(shared.Features, extensions);
        return GpuDevice.Wrap(new ForeignHandles(shared.Instance, shared.PhysicalDevice, shared.Device, shared.QueueFamily, shared.Queue, enabled, shared.GetInstanceProcAddr), options);
    }

    private void Log(int level, string message)
    {
        if (log is null)
        {
            return;
        }
        var text = Marshal.StringToCoTaskMemUTF8(message);
        log(level, (byte*)text, logUser);
        Marshal.FreeCoTaskMem(text);
    }
}

using System.Collections.Concurrent;

namespace XClr.Plugin;

/// <summary>Numbers that stand for objects on the other side of the boundary. None is given twice, so that a destroyed one is always recognised. Thread-safe.</summary>
internal static class Handles
{
    private static readonly ConcurrentDictionary<ulong, IDisposable> Objects = new();
    private static ulong latest;

    /// <summary>Objects that have not been destroyed.</summary>
    public static int Count => Objects.Count;

    /// <summary>A number for an object.</summary>
    public static ulong Add(IDisposable item)
    {
        // Numbers start where no small integer or null pointer lies.
        var handle = Interlocked.Increment(ref latest) + 0x58434C52_00000000;
        Objects[handle] = item;
        return handle;
    }

    /// <summary>The object of a number.</summary>
    /// <exception cref="HandleException">There is none, or it is of another kind.</exception>
    public static T Get<T>(ulong handle, string kind) where T : class, IDisposable => Objects.TryGetValue(handle, out var item)
        ? item as T ?? throw new HandleException($"the handle 0x{handle:x} is not of {("aeio".Contains(kind[0], StringComparison.Ordinal) ? "an" : "a")} {kind}.")
        : throw new HandleException(handle == 0 ? $"the {kind}'s handle is 0." : $"there is no {kind} with the handle 0x{handle:x}: it was destroyed, or never made.");

    /// <summary>Forgets a number.</summary>
    public static void Remove(ulong handle) => Objects.TryRemove(handle, out _);

    /// <summary>Forgets an object's number.</summary>
    public static void Remove(IDisposable item)
    {
        foreach (var (handle, _) in Objects.Where(o => ReferenceEquals(o.Value, item)))
        {
            Remove(handle);
        }
    }
}

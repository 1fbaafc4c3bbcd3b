namespace XClr.Data;

/// <summary>Objects that are used again, as many as were in use at once; <paramref name="make"/> makes one where none is free. Thread safe.</summary>
internal sealed class ObjectPool<T>(Func<ObjectPool<T>, T> make)
    where T : class
{
    private readonly Lock gate = new();
    private readonly Stack<T> free = [];

    /// <summary>An object as its last user left it, or a new one.</summary>
    public T Rent()
    {
        T? free;
        lock (gate)
        {
            this.free.TryPop(out free);
        }
        return free ?? make(this);
    }

    /// <summary>Takes one back that nobody else holds.</summary>
    public void Return(T used)
    {
        lock (gate)
        {
            free.Push(used);
        }
    }
}

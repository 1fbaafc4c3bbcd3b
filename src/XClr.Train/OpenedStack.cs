using System.Runtime.ExceptionServices;

namespace XClr.Train;

/// <summary>Things that were opened one after another, closed in the opposite order: all of them, whatever closing one throws.</summary>
internal sealed class OpenedStack : IDisposable
{
    private readonly Stack<IDisposable> items = new();

    /// <summary>Adds a thing, which this stack owns from now on, and returns it.</summary>
    public T Keep<T>(T item) where T : IDisposable
    {
        items.Push(item);
        return item;
    }

    /// <summary>Closes everything, then throws what closing threw first.</summary>
    public void Dispose() => Close()?.Throw();

    /// <summary>Closes everything while a failure is on its way to the user: what closing throws is a consequence of it, and would hide it.</summary>
    public void Abandon() => Close();

    private ExceptionDispatchInfo? Close()
    {
        ExceptionDispatchInfo? first = null;
        while (items.TryPop(out var item))
        {
            try
            {
                item.Dispose();
            }
            catch (Exception e)
            {
                first ??= ExceptionDispatchInfo.Capture(e);
            }
        }
        return first;
    }
}

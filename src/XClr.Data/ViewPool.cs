namespace XClr.Data;

/// <summary>Arrays for the views of samples, each of <paramref name="length"/> entries, that are used again. Thread safe.</summary>
internal sealed class ViewPool(int length)
{
    private readonly Lock _gate = new();
    private readonly Stack<AugmentParams[]> _free = [];

    /// <summary>An array with undefined entries.</summary>
    public AugmentParams[] Rent()
    {
        lock (_gate)
        {
            return _free.TryPop(out var views) ? views : new AugmentParams[length];
        }
    }

    /// <summary>Takes an array of <see cref="Rent"/> back.</summary>
    public void Return(AugmentParams[] views)
    {
        if (views.Length == length)
        {
            lock (_gate)
            {
                _free.Push(views);
            }
        }
    }
}

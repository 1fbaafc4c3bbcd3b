namespace XClr.Text;

internal static class Vectors
{
    /// <summary>Scales a vector to L2 norm 1 in place, summed in double precision; a zero vector stays zero. False, and nothing
    /// changed, where a number is not finite.</summary>
    public static bool Normalize(Span<float> vector)
    {
        var sum = 0.0;
        foreach (var x in vector)
        {
            sum += (double)x * x;
        }
        if (!double.IsFinite(sum))
        {
            return false;
        }
        if (sum == 0)
        {
            return true;
        }
        var scale = 1 / Math.Sqrt(sum);
        for (var i = 0; i < vector.Length; i++)
        {
            vector[i] = (float)(vector[i] * scale);
        }
        return true;
    }
}

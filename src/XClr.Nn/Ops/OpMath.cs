namespace XClr.Nn.Ops;

/// <summary>Integer helpers that every op shares.</summary>
internal static class OpMath
{
    public static long CeilDiv(long a, long b) => (a + b - 1) / b;
}

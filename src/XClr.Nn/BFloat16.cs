namespace XClr.Nn;

/// <summary>bfloat16 on the host: the upper 16 bits of an fp32.</summary>
public static class BFloat16
{
    /// <summary>The bits of the nearest, ties to even; infinite beyond the largest.</summary>
    public static ushort Round(float value)
    {
        var bits = BitConverter.SingleToUInt32Bits(value);
        return float.IsNaN(value) ? (ushort)(bits >> 16 | 0x40) : (ushort)(bits + 0x7fff + (bits >> 16 & 1) >> 16);
    }

    /// <summary>The number with these bits.</summary>
    public static float Value(ushort bits) => BitConverter.UInt32BitsToSingle((uint)bits << 16);
}

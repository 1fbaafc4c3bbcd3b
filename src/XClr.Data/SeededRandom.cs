using System.Runtime.CompilerServices;

namespace XClr.Data;

/// <summary>What a draw is for. Each purpose has a stream of its own, so that adding draws to one never shifts another.</summary>
public enum RandomPurpose : byte
{
    Augment = 1,
    ShardOrder = 2,
    ShuffleBuffer = 3,
    Split = 4,
    Caption = 5,
}

/// <summary>
/// Counter-based random numbers (Philox 4x32 with 10 rounds): a draw depends on (seed, purpose, epoch, index, view) and on its
/// place in that stream only, never on what other threads drew before. A value type: a copy repeats the same draws.
/// </summary>
public struct SeededRandom
{
    private readonly uint key0, key1, counter1, counter2, counter3;
    private uint block;
    private Block4 values;
    private int used;

    /// <param name="seed">The run's seed.</param>
    /// <param name="purpose">The stream.</param>
    /// <param name="epoch">Epoch, from 0.</param>
    /// <param name="index">Sample, shard or slot index, 0 to 2^48 - 1.</param>
    /// <param name="view">View of the sample, 0 to 255.</param>
    public SeededRandom(ulong seed, RandomPurpose purpose, int epoch = 0, long index = 0, int view = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(epoch);
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, 1L << 48);
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)view, 255u, nameof(view));
        key0 = (uint)seed;
        key1 = (uint)(seed >> 32);
        counter1 = (uint)epoch;
        counter2 = (uint)index;
        counter3 = (uint)(index >> 32) << 16 | (uint)purpose << 8 | (uint)view;
        used = 4;
    }

    /// <summary>32 random bits.</summary>
    public uint NextUInt()
    {
        if (used == 4)
        {
            values = Philox(block++, counter1, counter2, counter3, key0, key1);
            used = 0;
        }
        return values[used++];
    }

    /// <summary>Uniform in [0, 1), a multiple of 2^-32 (so that the double holds it exactly).</summary>
    public double NextDouble() => NextUInt() * (1.0 / 4294967296.0);

    /// <summary>Uniform in [low, high).</summary>
    public double Uniform(double low, double high) => low + (high - low) * NextDouble();

    /// <summary>True with probability <paramref name="p"/>; never for 0, always for 1. One draw in every case.</summary>
    public bool Chance(double p) => NextDouble() < p;

    /// <summary>Uniform integer in [0, <paramref name="bound"/>); the bias is below bound / 2^32.</summary>
    public int Below(int bound)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(bound);
        return (int)((ulong)NextUInt() * (uint)bound >> 32);
    }

    /// <summary>Shuffles in place (Fisher-Yates), every order equally likely.</summary>
    public void Shuffle<T>(Span<T> items)
    {
        for (var i = items.Length - 1; i > 0; i--)
        {
            var j = Below(i + 1);
            (items[i], items[j]) = (items[j], items[i]);
        }
    }

    /// <summary>One block of the generator: counter (c0, c1, c2, c3), key (k0, k1).</summary>
    internal static Block4 Philox(uint c0, uint c1, uint c2, uint c3, uint k0, uint k1)
    {
        for (var round = 0; round < 10; round++)
        {
            var p0 = 0xD2511F53ul * c0;
            var p1 = 0xCD9E8D57ul * c2;
            (c0, c1, c2, c3) = ((uint)(p1 >> 32) ^ c1 ^ k0, (uint)p1, (uint)(p0 >> 32) ^ c3 ^ k1, (uint)p0);
            k0 += 0x9E3779B9u;
            k1 += 0xBB67AE85u;
        }
        var block = new Block4();
        block[0] = c0;
        block[1] = c1;
        block[2] = c2;
        block[3] = c3;
        return block;
    }

    [InlineArray(4)]
    internal struct Block4
    {
        private uint first;
    }
}

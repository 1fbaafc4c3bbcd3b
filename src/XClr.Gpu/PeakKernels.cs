namespace XClr.Gpu;

/// <summary>Micro-kernels that measure a device's arithmetic (shaders/bench); no network uses them.</summary>
public static class PeakKernels
{
    /// <summary>Floating-point operations of an invocation of <see cref="Fma"/> in a round.</summary>
    public const int FmaFlopsPerRound = 384;

    /// <summary>How many matrices A and B a subgroup of the matrix kernels multiplies with one another in a step.</summary>
    public const int MatrixRows = 2, MatrixColumns = 4;

    /// <summary>Invocations of a workgroup of the matrix kernels.</summary>
    public const int MatrixInvocations = 128;

    /// <summary>Push constants of <see cref="Fma"/>: invocations, rounds of each, and what its values are multiplied by and increased by.</summary>
    public readonly record struct FmaParams(uint Count, uint Rounds, float Scale, float Shift);

    /// <summary>Push constants of the matrix kernels.</summary>
    public readonly record struct MatrixParams(uint Groups, uint Steps);

    /// <summary>Multiply-adds in registers, in workgroups of 64.</summary>
    public static Kernel<FmaParams> Fma { get; } = new("bench/fma_peak", reads: 0, writes: 1);

    /// <summary>Products of matrices in registers, fp16 into fp32.</summary>
    public static Kernel<MatrixParams> HalfMatrices { get; } = new("bench/matrix_fwd_coopmat", reads: 2, writes: 2);

    /// <summary>Products of matrices in registers, bfloat16 into fp32.</summary>
    public static Kernel<MatrixParams> BFloat16Matrices { get; } = new("bench/matrix_fwd_coopmat_bf16", reads: 2, writes: 2);

    /// <summary>Floating-point operations of a workgroup of the matrix kernels in a step, of so many subgroups.</summary>
    public static long MatrixFlopsPerStep(CooperativeMatrixShape shape, int subgroups) => 2L * subgroups * MatrixRows * MatrixColumns * shape.M * shape.N * shape.K;
}

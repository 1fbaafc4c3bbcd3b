// The product of one workgroup on cooperative matrices: ROWS x COLUMNS sums in fp32, operands of 16 bits staged in shared memory DEPTH at a time. SY x SX subgroups
// have WM x WN matrices of MATRIX_M x MATRIX_N each. Constants 0 to 8 belong to this file. With A_BY_COLUMNS the first operand lies there as [DEPTH][ROWS], else as [ROWS][DEPTH].
// Rows in shared memory are padded by 16 bytes, so that they begin in different banks. The same memory stages the sums on their way out, as rows of a lane's quads.
layout(constant_id = 0) const uint MATRIX_M = 16;
layout(constant_id = 1) const uint MATRIX_N = 16;
layout(constant_id = 2) const uint MATRIX_K = 16;
layout(local_size_x = 256, local_size_x_id = 3) in;  // SY * SX * the size of a subgroup
layout(constant_id = 4) const uint SY = 2;
layout(constant_id = 5) const uint SX = 4;
layout(constant_id = 6) const uint WM = 4;
layout(constant_id = 7) const uint WN = 2;
layout(constant_id = 8) const uint DEPTH = 32;
const uint ROWS = SY * WM * MATRIX_M, COLUMNS = SX * WN * MATRIX_N, INVOCATIONS = gl_WorkGroupSize.x;
// Pitches in words of 16 bytes.
#ifdef A_BY_COLUMNS
const uint PITCH_A = ROWS / 8 + 1, SIZE_A = DEPTH * PITCH_A;
#else
const uint PITCH_A = DEPTH / 8 + 1, SIZE_A = ROWS * PITCH_A;
#endif
const uint PITCH_B = COLUMNS / 8 + 1, SIZE_AB = SIZE_A + DEPTH * PITCH_B;
// A subgroup's strip of sums: MATRIX_M rows of QUADS quads. Each lane has one quad of every ROW_STEP-th row.
const uint QUADS = WN * MATRIX_N / 4, PITCH_C = QUADS + 1, STRIP = MATRIX_M * PITCH_C, SIZE_C = SY * SX * STRIP;
const uint ROW_STEP = INVOCATIONS / (SY * SX * QUADS);
// Octets (8 halves) of the operands that one invocation brings for a step.
const uint LOADS_A = ROWS * DEPTH / (8 * INVOCATIONS), LOADS_B = COLUMNS * DEPTH / (8 * INVOCATIONS);
shared uvec4 tile[SIZE_AB > SIZE_C ? SIZE_AB : SIZE_C];
coopmat<float, gl_ScopeSubgroup, MATRIX_M, MATRIX_N, gl_MatrixUseAccumulator> sum[WM * WN];

#ifdef BF16
#include "words.glsl"
#else
// Device halves: the conversion rounds to the nearest on the compilers of tests/drivers (docs/decisions.md), and to infinity beyond the largest.
uvec2 to_words(vec4 v) { return uvec2(packFloat2x16(f16vec2(v.xy)), packFloat2x16(f16vec2(v.zw))); }
vec4 from_words(uvec2 words) { return vec4(vec2(unpackFloat2x16(words.x)), vec2(unpackFloat2x16(words.y))); }
#endif

void clear_sums() {
  [[unroll]] for (uint i = 0; i < WM * WN; i++) sum[i] = coopmat<float, gl_ScopeSubgroup, MATRIX_M, MATRIX_N, gl_MatrixUseAccumulator>(0.0);
}

void multiply_tiles() {
  uint row = gl_SubgroupID / SX * WM * MATRIX_M, column = gl_SubgroupID % SX * WN * MATRIX_N;
  [[unroll]] for (uint k = 0; k < DEPTH; k += MATRIX_K) {
    coopmat<ELEMENT, gl_ScopeSubgroup, MATRIX_M, MATRIX_K, gl_MatrixUseA> a[WM];
    [[unroll]] for (uint i = 0; i < WM; i++)
#ifdef A_BY_COLUMNS
      coopMatLoad(a[i], tile, k * PITCH_A + (row + i * MATRIX_M) / 8, PITCH_A, gl_CooperativeMatrixLayoutColumnMajor);
#else
      coopMatLoad(a[i], tile, (row + i * MATRIX_M) * PITCH_A + k / 8, PITCH_A, gl_CooperativeMatrixLayoutRowMajor);
#endif
    [[unroll]] for (uint j = 0; j < WN; j++) {
      coopmat<ELEMENT, gl_ScopeSubgroup, MATRIX_K, MATRIX_N, gl_MatrixUseB> b;
      coopMatLoad(b, tile, SIZE_A + k * PITCH_B + (column + j * MATRIX_N) / 8, PITCH_B, gl_CooperativeMatrixLayoutRowMajor);
      [[unroll]] for (uint i = 0; i < WM; i++) sum[i * WN + j] = coopMatMulAdd(a[i], b, sum[i * WN + j]);
    }
  }
}

// Strip i of this subgroup's sums into shared memory. Barriers around it are the caller's.
void stage_strip(uint i) {
  [[unroll]] for (uint j = 0; j < WN; j++)
    coopMatStore(sum[i * WN + j], tile, gl_SubgroupID * STRIP + j * (MATRIX_N / 4), PITCH_C, gl_CooperativeMatrixLayoutRowMajor);
}

// This lane's share of the strip: rows ROW_STEP * r + first_row() of the strip, quad staged_quad() of the tile's columns.
uint staged_row() { return gl_SubgroupInvocationID / QUADS; }
uint staged_quad() { return gl_SubgroupID % SX * QUADS + gl_SubgroupInvocationID % QUADS; }
uint strip_row(uint i) { return (gl_SubgroupID / SX * WM + i) * MATRIX_M; }
vec4 staged(uint row) { return uintBitsToFloat(tile[gl_SubgroupID * STRIP + row * PITCH_C + gl_SubgroupInvocationID % QUADS]); }

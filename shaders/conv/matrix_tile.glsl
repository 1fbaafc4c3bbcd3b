// The product of one workgroup on cooperative matrices: ROWS x COLUMNS sums in fp32, operands of 16 bits staged in shared memory DEPTH at a time. SY x SX subgroups
// have WM x WN matrices of MATRIX_M x MATRIX_N each. Constants 0 to 8 belong to this file. With A_BY_COLUMNS the first operand lies there as [DEPTH][ROWS], else as [ROWS][DEPTH].
// Rows in shared memory are padded by 16 bytes, so that they begin in different banks. The same memory stages the sums on their way out, as rows of a lane's octets of columns.
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
// A subgroup's strip of sums: MATRIX_M rows of STRIP_N matrices, OCTETS octets (8 columns, two words). Each lane has one octet of STRIP_ROWS rows, ROW_STEP apart. A strip is at most 64 columns wide, or 32 where
// 64 would take more memory than the operands do, since shared memory decides how many workgroups a core holds; its pitch leaves rows of pairs and of octets in different banks.
const uint STRIP_COLUMNS = SY * SX * MATRIX_M * 18 <= SIZE_AB ? 64 : 32;
const uint STRIP_N = WN * MATRIX_N > STRIP_COLUMNS ? STRIP_COLUMNS / MATRIX_N : WN, STRIPS = WN / STRIP_N, OCTETS = STRIP_N * MATRIX_N / 8;
const uint PITCH_C = 2 * OCTETS + 2, STRIP = MATRIX_M * PITCH_C, SIZE_STRIPS = SY * SX * STRIP;
const uint LANES = INVOCATIONS / (SY * SX), ROW_STEP = LANES / OCTETS, STRIP_ROWS = MATRIX_M / ROW_STEP;
const uint SUBGROUP_ROWS = WM * MATRIX_M;
// Octets (8 halves) of the operands that one invocation brings for a step.
const uint LOADS_A = ROWS * DEPTH / (8 * INVOCATIONS), LOADS_B = COLUMNS * DEPTH / (8 * INVOCATIONS);
#ifdef HAS_PAIRS  // What subgroups of fewer rows than a block of statistics have for each other (conv2d_matrix_out.glsl).
const uint SIZE_OUT = SIZE_STRIPS + (SUBGROUP_ROWS < 64 ? SY * COLUMNS / 2 : 0);
#else
const uint SIZE_OUT = SIZE_STRIPS;
#endif
shared uvec4 tile[SIZE_AB > SIZE_OUT ? SIZE_AB : SIZE_OUT];
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

// A step's products from depth `first` to `last`, multiples of MATRIX_K.
void multiply_tiles(uint first, uint last) {
  uint row = gl_SubgroupID / SX * WM * MATRIX_M, column = gl_SubgroupID % SX * WN * MATRIX_N;
  [[unroll]] for (uint k = first; k < last; k += MATRIX_K) {
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

// The last step's products, which stand apart: in a loop over the depth where they are so many (small matrices) that compilers would take twice as long for them; else unrolled, which is faster.
void multiply_last() {
  if (WM * WN * DEPTH <= 32 * MATRIX_K)
    multiply_tiles(0, DEPTH);
  else
    [[dont_unroll]] for (uint k = 0; k < DEPTH; k += MATRIX_K) multiply_tiles(k, k + MATRIX_K);
}

// Strip `x` of row `i` of this subgroup's matrices into shared memory, where the operands were: a barrier must lie between the last product and the first strip. subgroupBarrier() before and after
// a lane's reading is the caller's.
void stage_strip(uint i, uint x) {
  [[unroll]] for (uint j = 0; j < STRIP_N; j++)
    coopMatStore(sum[i * WN + x * STRIP_N + j], tile, gl_SubgroupID * STRIP + j * (MATRIX_N / 4), PITCH_C, gl_CooperativeMatrixLayoutRowMajor);
}

struct Octet { vec4 low, high; };

// This lane's share of a strip: rows staged_row() + r * ROW_STEP, r < STRIP_ROWS, octet staged_octet() of the tile's columns.
uint staged_row() { return gl_SubgroupInvocationID / OCTETS; }
uint staged_octet(uint x) { return (gl_SubgroupID % SX * STRIPS + x) * OCTETS + gl_SubgroupInvocationID % OCTETS; }
uint strip_row(uint i) { return (gl_SubgroupID / SX * WM + i) * MATRIX_M; }

Octet staged(uint row) {
  // Eight lanes read 128 bytes from different banks: the upper four begin with their second word.
  uint at = gl_SubgroupID * STRIP + row * PITCH_C + 2 * (gl_SubgroupInvocationID % OCTETS), flip = gl_SubgroupInvocationID >> 2 & 1;
  vec4 first = uintBitsToFloat(tile[at + flip]), second = uintBitsToFloat(tile[at + 1 - flip]);
  return flip == 0u ? Octet(first, second) : Octet(second, first);
}

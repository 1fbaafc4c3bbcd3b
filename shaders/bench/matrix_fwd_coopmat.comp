#version 450
// Measures the rate of a device's matrix units; no network uses it. Each subgroup keeps ROWS x COLS accumulators of M x N in registers and computes
//   C = sum over i, j of steps * (A[i] * B[j]),  inputs of 16 bits, fp32 accumulators
// with ROWS*COLS independent products per step, so that their latencies overlap and nothing but the matrix units limits it.
// A: [ROWS,M,K], B: [COLS,K,N] ELEMENT, two to a word. C: [groups,subgroups,M,N] fp32. Subgroups: [1], how many subgroups a workgroup has here.
// Dispatch: any number of workgroups. Traffic: C once. FLOPs: groups * subgroups * steps * ROWS*COLS * 2*M*N*K.
#extension GL_GOOGLE_include_directive : require
#include "matrices.glsl"
#include "grid.glsl"
#define ROWS 2
#define COLS 4
layout(local_size_x = 128) in; // A multiple of every subgroup size, as cooperative matrices need.
layout(constant_id = 0) const uint M = 16;
layout(constant_id = 1) const uint N = 16;
layout(constant_id = 2) const uint K = 16;
layout(std430, binding = 0) readonly buffer ABuffer { uint A[]; };
layout(std430, binding = 1) readonly buffer BBuffer { uint B[]; };
layout(std430, binding = 2) writeonly buffer CBuffer { float C[]; };
layout(std430, binding = 3) writeonly buffer SubgroupsBuffer { uint Subgroups[]; };
layout(push_constant) uniform Params { uint groups; uint steps; };

void main() {
  if (flat_group() >= groups) return;
  coopmat<ELEMENT, gl_ScopeSubgroup, M, K, gl_MatrixUseA> a[ROWS];
  coopmat<ELEMENT, gl_ScopeSubgroup, K, N, gl_MatrixUseB> b[COLS];
  coopmat<float, gl_ScopeSubgroup, M, N, gl_MatrixUseAccumulator> c[ROWS][COLS];
  [[unroll]] for (uint i = 0; i < ROWS; i++) coopMatLoad(a[i], A, i * M * K / 2, K / 2, gl_CooperativeMatrixLayoutRowMajor);
  [[unroll]] for (uint j = 0; j < COLS; j++) coopMatLoad(b[j], B, j * K * N / 2, N / 2, gl_CooperativeMatrixLayoutRowMajor);
  [[unroll]] for (uint i = 0; i < ROWS; i++)
    [[unroll]] for (uint j = 0; j < COLS; j++) c[i][j] = coopmat<float, gl_ScopeSubgroup, M, N, gl_MatrixUseAccumulator>(0.0);
  for (uint step = 0; step < steps; step++)
    [[unroll]] for (uint i = 0; i < ROWS; i++)
      [[unroll]] for (uint j = 0; j < COLS; j++) c[i][j] = coopMatMulAdd(a[i], b[j], c[i][j]);
  coopmat<float, gl_ScopeSubgroup, M, N, gl_MatrixUseAccumulator> sum = c[0][0];
  [[unroll]] for (uint i = 0; i < ROWS; i++)
    [[unroll]] for (uint j = 0; j < COLS; j++)
      if (i + j > 0) sum += c[i][j];
  coopMatStore(sum, C, (flat_group() * gl_NumSubgroups + gl_SubgroupID) * (M * N), N, gl_CooperativeMatrixLayoutRowMajor);
  if (flat_group() == 0 && gl_LocalInvocationIndex == 0) Subgroups[0] = gl_NumSubgroups;
}

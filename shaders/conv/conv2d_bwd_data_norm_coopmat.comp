// conv2d_bwd_data_coopmat with the mask and the sums of the batch normalisation whose output's gradient dx is (norm_sums.glsl).
// Dispatch: one workgroup per ROWS pixels of dx and COLUMNS channels. Reads dy once per tap and COLUMNS channels (from caches after the first), the taps once per ROWS pixels, normX (and normY, and dx to accumulate) once; writes dx once. All are fp16 or bf16.
#version 450
#define NORM_SUMS
#extension GL_GOOGLE_include_directive : require
#include "matrices.glsl"
#include "conv2d_matrix.glsl"

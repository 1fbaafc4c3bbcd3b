// dx[n,h,w,c] = sum over r, s, k of dy[n, (h + pad - r) / stride, (w + pad - s) / stride, k] * w[r,s,c,k], where the divisions are exact.
// One dispatch per residue class (h mod stride, w mod stride) as a convolution of dy with the class's transposed taps.
// Dispatch: one workgroup per ROWS pixels of dx and COLUMNS channels. Reads dy once per tap and COLUMNS channels (from caches after the first), the taps once per ROWS pixels; writes dx once. All are fp16 or bf16.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "matrices.glsl"
#include "conv2d_matrix.glsl"

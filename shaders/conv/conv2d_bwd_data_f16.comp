// dx[n,h,w,c] = sum over r, s, k of dy[n, (h + pad - r) / stride, (w + pad - s) / stride, k] * w[r,s,c,k], where the divisions are exact.
// One dispatch per residue class (h mod stride, w mod stride) as a convolution of dy with the class's transposed taps.
// Dispatch: one workgroup per 64 pixels of dx and 32 QUADS channels. Reads dy once per tap and tile of channels (from caches after the first), the taps once per 64 pixels; writes dx once. Activations and weights are fp16.
#version 450
#define F16
#extension GL_GOOGLE_include_directive : require
#include "conv2d_tile.glsl"

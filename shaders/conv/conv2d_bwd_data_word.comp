// dx[n,h,w,c] = sum over r, s, k of dy[n, (h + pad - r) / stride, (w + pad - s) / stride, k] * w[r,s,c,k], where the divisions are exact.
// One dispatch per residue class (h mod stride, w mod stride) as a convolution of dy with the class's transposed taps.
// Dispatch: one workgroup per 16 pixels of dx and 64 channels. Reads dy once per tap and 64 channels (from caches after the first), the taps once per 16 pixels; writes dx once.
#version 450
#extension GL_GOOGLE_include_directive : require
#define COLUMNS 2
#include "conv2d_word.glsl"

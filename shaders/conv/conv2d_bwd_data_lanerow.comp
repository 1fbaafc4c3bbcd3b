// dx[n,h,w,c] = sum over r, s, k of dy[n, (h + pad - r) / stride, (w + pad - s) / stride, k] * w[r,s,c,k], where the divisions are exact.
// One dispatch per residue class (h mod stride, w mod stride) as a convolution of dy with the class's taps, which are read where they lie in w.
// Dispatch: one workgroup per 64 pixels of dx and 4 * COLUMNS4 channels. Reads dy once per tap and tile of channels (from caches after the first), the taps once per 64 pixels; writes dx once.
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_control_flow_attributes : require
#define MIRRORED
#include "conv2d_lanerow.glsl"

// conv2d_bwd_data with the mask and the sums of the batch normalisation whose output's gradient dx is (norm_sums.glsl).
// Dispatch: one workgroup per 64 pixels of dx and 32 QUADS channels. Reads dy once per tap and tile of channels (from caches after the first), the taps once per 64 pixels, normX (and normY, and dx to accumulate) once; writes dx once.
#version 450
#define NORM_SUMS
#extension GL_GOOGLE_include_directive : require
#include "conv2d_tile.glsl"

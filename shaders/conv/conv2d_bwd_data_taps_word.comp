// taps[r,s,k,c] = w[firstR - r*stride, firstS - s*stride, c, k]: the taps that reach one residue class of input pixels, mirrored and transposed.
// w: [kernelR,kernelS,C,K], taps: [R,S,K,C]. Dispatch: an invocation per 4 x 4 block. Reads and writes the class's taps once. Variant for CPU drivers: texel reads.
#version 450
#extension GL_GOOGLE_include_directive : require
layout(binding = 0) uniform samplerBuffer W;
vec4 load(int i) { return texelFetch(W, i); }
#include "conv2d_bwd_data_taps.glsl"

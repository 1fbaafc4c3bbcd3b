// taps[r,s,k,c] = w[firstR - r*stride, firstS - s*stride, c, k]: the taps that reach one residue class of input pixels, mirrored and transposed.
// w: [kernelR,kernelS,C,K], taps: [R,S,K,C]. Dispatch: an invocation per 4 x 4 block. Reads and writes the class's taps once.
#version 450
#extension GL_GOOGLE_include_directive : require
layout(std430, binding = 0) readonly buffer Weights { vec4 w[]; };
vec4 load(int i) { return w[i]; }
#include "conv2d_bwd_data_taps.glsl"

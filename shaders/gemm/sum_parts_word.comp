// sum[i] = parts[0,i] + parts[1,i] + ..., in a fixed order: the second pass of every split sum.  parts: [parts,n], sum: [n], n a multiple of 4.
// Dispatch: SLICES invocations per vec4. Reads the parts once, writes the sum once. Variant for CPU drivers: texel reads.
#version 450
#extension GL_GOOGLE_include_directive : require
#define LANES 64
layout(binding = 0) uniform samplerBuffer Parts;
vec4 load(int i) { return texelFetch(Parts, i); }
#include "sum_parts.glsl"

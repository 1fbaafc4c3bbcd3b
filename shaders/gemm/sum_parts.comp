// sum[i] = parts[0,i] + parts[1,i] + ..., in a fixed order: the second pass of every split sum.  parts: [parts,n], sum: [n], n a multiple of 4.
// Dispatch: SLICES invocations per vec4. Reads the parts once, writes the sum once.
#version 450
#extension GL_GOOGLE_include_directive : require
#define LANES 256
layout(std430, binding = 0) readonly buffer Parts { vec4 part[]; };
vec4 load(int i) { return part[i]; }
#include "sum_parts.glsl"

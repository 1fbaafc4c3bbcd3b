#version 450
// part = the rows of micro-batch index[0] of whole. whole: [views * samples, words], part: [rows, words], bits as they are.
// Dispatch: a lane per word of part. Traffic: reads and writes part's size.
#extension GL_GOOGLE_include_directive : require
#include "rows.glsl"
layout(std430, set = 0, binding = 0) readonly buffer Whole { uint whole[]; };
layout(std430, set = 0, binding = 2) writeonly buffer Part { uint part[]; };

void main() {
  uint i = flat_invocation();
  if (i < rows * words) part[i] = whole[in_batch(i)];
}

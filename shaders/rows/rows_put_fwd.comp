#version 450
// The rows of micro-batch index[0] of whole = part. part: [rows, words], whole: [views * samples, words], bits as they are; other rows stay.
// Dispatch: a lane per word of part. Traffic: reads and writes part's size.
#extension GL_GOOGLE_include_directive : require
#include "rows.glsl"
layout(std430, set = 0, binding = 0) readonly buffer Part { uint part[]; };
layout(std430, set = 0, binding = 2) writeonly buffer Whole { uint whole[]; };

void main() {
  uint i = flat_invocation();
  if (i < rows * words) whole[in_batch(i)] = part[i];
}

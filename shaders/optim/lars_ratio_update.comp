#version 460
// Trust ratio of each tensor: trust * |w| / |g|; 1 where either norm is 0 and for tensors that do not adapt.
// Shapes: partial [chunks, 2] of lars_chunks_update; tensors [tensors, 4] = (first chunk, chunks, adapts, 0); ratio [tensors].
// Dispatch: one workgroup of 64 per tensor. Traffic: partial once.
#extension GL_GOOGLE_include_directive : require
layout(local_size_x = 64) in;
layout(std430, binding = 0) readonly buffer Partial { vec2 partial[]; };
layout(std430, binding = 1) readonly buffer Tensors { uvec4 tensors[]; };
layout(std430, binding = 2) writeonly buffer Ratio { float ratio[]; };
layout(push_constant) uniform Push {
  uint tensorCount;
  float trust;
};
#include "grid.glsl"
#define LANES 64
#define SUMMED vec2
#include "reduce.glsl"

void main() {
  uint group = flat_group();
  if (group >= tensorCount) return;
  uvec4 tensor = tensors[group];
  vec2 sum = vec2(0.0);
  if (tensor.z == 1) {
    for (uint c = gl_LocalInvocationIndex; c < tensor.y; c += LANES) sum += partial[tensor.x + c];
  }
  sum = sqrt(sum_of_lanes(sum));
  if (gl_LocalInvocationIndex == 0) ratio[group] = sum.x > 0.0 && sum.y > 0.0 ? trust * sum.x / sum.y : 1.0;
}

// y[m,k] = bias[k]: what a linear layer's product is added to.  bias: [K], y: [M,K].
// Dispatch: an invocation per vec4 of y. Reads the bias through caches, writes y once.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "grid.glsl"
layout(local_size_x = 64) in;
layout(std430, binding = 0) readonly buffer Bias { vec4 bias[]; };
layout(std430, binding = 1) writeonly buffer Y { vec4 y[]; };
layout(push_constant) uniform Params { uint M, K4; };

void main() {
  uint i = flat_invocation();
  if (i < M * K4) y[i] = bias[i % K4];
}

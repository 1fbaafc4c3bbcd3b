#version 460
// x = clamp(x, low, high), for parameters with a legal interval (CLIP's logit_scale). Shapes: x [count]. Dispatch: ceil(count/64). Traffic: x twice.
#extension GL_GOOGLE_include_directive : require
layout(local_size_x = 64) in;
layout(std430, binding = 0) buffer X { float x[]; };
layout(push_constant) uniform Push {
  uint count;
  float low;
  float high;
};
#include "grid.glsl"

void main() {
  uint i = flat_invocation();
  if (i < count) x[i] = clamp(x[i], low, high);
}

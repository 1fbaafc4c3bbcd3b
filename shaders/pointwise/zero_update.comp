#version 450
// x = 0. x: [4*quads], bits. Dispatch: a lane per quad. Traffic: writes x.
#extension GL_GOOGLE_include_directive : require
#include "grid.glsl"
layout(local_size_x = 64) in;
layout(push_constant) uniform Params { uint quads; };
layout(std430, set = 0, binding = 0) writeonly buffer X { uvec4 x[]; };

void main() {
  uint i = flat_invocation();
  if (i < quads) x[i] = uvec4(0);
}

#version 450
// The running statistics that a training pass moves: a copy, so that a step whose update is skipped leaves the model's own as they were.
// source, moved: [4*quads]. Dispatch: a lane per quad. Traffic: reads one, writes the other.
#extension GL_GOOGLE_include_directive : require
#include "grid.glsl"
layout(local_size_x = 64) in;
layout(push_constant) uniform Params { uint quads; };
layout(std430, set = 0, binding = 0) readonly buffer Source { vec4 source[]; };
layout(std430, set = 0, binding = 1) writeonly buffer Moved { vec4 moved[]; };

void main() {
  uint i = flat_invocation();
  if (i < quads) moved[i] = source[i];
}

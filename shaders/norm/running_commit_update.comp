#version 450
// The moved running statistics become the model's where the optimiser made its update (result.w = 1; 0 where a gradient was not finite).
// moved, running: [4*quads]; result: [4], of optim/gradnorm_update. Dispatch: a lane per quad. Traffic: reads one, writes the other.
#extension GL_GOOGLE_include_directive : require
#include "grid.glsl"
layout(local_size_x = 64) in;
layout(push_constant) uniform Params { uint quads; };
layout(std430, set = 0, binding = 0) readonly buffer Moved { vec4 moved[]; };
layout(std430, set = 0, binding = 1) readonly buffer Result { vec4 result; };
layout(std430, set = 0, binding = 2) writeonly buffer Running { vec4 running[]; };

void main() {
  uint i = flat_invocation();
  if (i < quads && result.w != 0.0) running[i] = moved[i];
}

#version 450
// The loss scale of the next step: halved after a step that was skipped (result.w = 0), doubled after `growthInterval` updates in a row.
// state = (scale, updates since it changed, skipped steps, skipped steps in a row); the scale stays within [smallest, largest]. Doubling and halving are exact. Shapes: result [4], state [4]. Dispatch: 1 workgroup.
#extension GL_GOOGLE_include_directive : require
#include "grid.glsl"
layout(local_size_x = 1) in;
layout(push_constant) uniform Params { uint growthInterval; float smallest, largest; };
layout(std430, set = 0, binding = 0) readonly buffer Result { vec4 result; };
layout(std430, set = 0, binding = 1) buffer State { uvec4 state; };

void main() {
  if (flat_group() != 0) return;
  float scale = uintBitsToFloat(state.x);
  if (result.w == 0.0) state = uvec4(floatBitsToUint(max(scale * 0.5, smallest)), 0, state.z + 1, state.w + 1);
  else if (state.y + 1 < growthInterval) state = uvec4(state.x, state.y + 1, state.z, 0);
  else state = uvec4(floatBitsToUint(min(2.0 * scale, largest)), 0, state.z, 0);
}

#version 450
// The step's variables get the loss scale, in one of their words: state is [scale, updates since it changed, skipped steps, skipped steps in a row], step the words of StepVariables.
// Shapes: state [4], step [4]. Dispatch: 1 workgroup. Traffic: one word.
#extension GL_GOOGLE_include_directive : require
#include "grid.glsl"
layout(local_size_x = 1) in;
layout(push_constant) uniform Params { uint word; };
layout(std430, set = 0, binding = 0) readonly buffer State { uvec4 state; };
layout(std430, set = 0, binding = 1) writeonly buffer Step { uint step_words[]; };

void main() {
  if (flat_group() == 0) step_words[word] = state.x;
}

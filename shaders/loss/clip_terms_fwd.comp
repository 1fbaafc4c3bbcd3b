#version 460
// Terms of contrastive_stats_fwd from the states of the four directions (view 1 to text, view 2 to text, text to view 1, text to view 2):
// (mean over directions of view 1's losses, of view 2's, 0, 1): the target is one, on the own caption.
// Shapes: state [4 samples, 4], terms [samples, 4]. Dispatch: ceil(samples/64). Traffic: state once.
#extension GL_GOOGLE_include_directive : require
layout(local_size_x = 64) in;
layout(std430, binding = 0) readonly buffer State { vec4 state[]; };
layout(std430, binding = 1) writeonly buffer Terms { vec4 terms[]; };
layout(push_constant) uniform Push { uint samples; };
#include "grid.glsl"

float loss_of(uint row) { return state[row].x - state[row].z; }

void main() {
  uint s = flat_invocation();
  if (s >= samples) return;
  terms[s] = vec4(0.5 * (loss_of(s) + loss_of(2 * samples + s)), 0.5 * (loss_of(samples + s) + loss_of(3 * samples + s)), 0.0, 1.0);
}

#version 460
// Joins the partial states of contrastive_fwd, in order, into each row sample's results.
//   state = (lse of view 1's row, lse of view 2's row, 1 / W, 0), W = sum of target weights (own other view: 1)
//   terms = (loss of view 1's row, loss of view 2's row, entropy of the target, share of the target on the own other view = 1 / W)
// Shapes: partial [parts, rows, 8]; state, terms [., 4], written from row stateRowAt on. Dispatch: ceil(rows/64). Traffic: partial twice.
#extension GL_GOOGLE_include_directive : require
layout(local_size_x = 64) in;
layout(std430, binding = 0) readonly buffer Partial { vec4 partial[]; };
layout(std430, binding = 1) writeonly buffer State { vec4 state[]; };
layout(std430, binding = 2) writeonly buffer Terms { vec4 terms[]; };
layout(push_constant) uniform Push {
  uint rows;
  uint parts;
  uint stateRowAt;
};
#include "grid.glsl"

void main() {
  uint row = flat_invocation();
  if (row >= rows) return;
  vec2 top = vec2(-3.0e38);
  for (uint p = 0; p < parts; p++) top = max(top, partial[2 * (p * rows + row)].xz);
  vec2 sum = vec2(0.0);
  vec4 target = vec4(0.0);
  for (uint p = 0; p < parts; p++) {
    vec4 soft = partial[2 * (p * rows + row)];
    sum += soft.yw * exp(soft.xz - top);
    target += partial[2 * (p * rows + row) + 1];
  }
  vec2 lse = top + log(sum);
  float inverse = 1.0 / target.z;
  state[stateRowAt + row] = vec4(lse, inverse, 0.0);
  terms[stateRowAt + row] = vec4(lse - target.xy * inverse, log(target.z) - target.w * inverse, inverse);
}

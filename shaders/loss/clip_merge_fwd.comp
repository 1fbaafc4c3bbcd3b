#version 460
// Joins the partial states of clip_fwd, in order: state = (log-sum-exp of the row's logits, mean logit under the softmax, own logit, 0), written from row
// stateRowAt on. Shapes: partial [parts, rows, 4], state [., 4]. Dispatch: ceil(rows/64). Traffic: partial twice.
#extension GL_GOOGLE_include_directive : require
layout(local_size_x = 64) in;
layout(std430, binding = 0) readonly buffer Partial { vec4 partial[]; };
layout(std430, binding = 1) writeonly buffer State { vec4 state[]; };
layout(push_constant) uniform Push {
  uint rows;
  uint parts;
  uint stateRowAt;
};
#include "grid.glsl"

void main() {
  uint row = flat_invocation();
  if (row >= rows) return;
  float top = -3.0e38;
  for (uint p = 0; p < parts; p++) top = max(top, partial[p * rows + row].x);
  vec3 sum = vec3(0.0);
  for (uint p = 0; p < parts; p++) {
    vec4 part = partial[p * rows + row];
    sum += vec3(part.yz * exp(part.x - top), part.w);
  }
  state[stateRowAt + row] = vec4(top + log(sum.x), sum.y / sum.x, sum.z, 0.0);
}

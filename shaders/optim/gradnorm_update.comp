#version 460
// Second pass: result = (global L2 norm of the unscaled gradients, factor that unscales and clips a stored gradient, index of the first tensor with
// a non-finite element or -1, 1 where all are finite and the norm is). The factor is min(1, clip / (norm + 1e-6)) / loss scale, 1 / loss scale with clipping off.
// Squares of finite gradients may overflow: clipped by an infinite norm they would be zeros, and the update one of decay and momentum alone.
// updates counts the steps that were finite: the optimisers skip the others.
// Shapes: partial [chunks, 2], chunks [chunks, 4], step [4], result [4], updates [1]. Dispatch: 1 workgroup. Traffic: partial once.
#extension GL_GOOGLE_include_directive : require
layout(local_size_x = 256) in;
layout(std430, binding = 0) readonly buffer Partial { vec2 partial[]; };
layout(std430, binding = 1) readonly buffer Chunks { uvec4 chunks[]; };
layout(std430, binding = 2) readonly buffer Step { uint step_words[]; };
layout(std430, binding = 3) writeonly buffer Result { vec4 result; };
layout(std430, binding = 4) buffer Updates { uint updates; };
layout(push_constant) uniform Push { uint chunkCount; };
#include "grid.glsl"
#include "step.glsl"
#define LANES 256
#define SUMMED vec2
#include "reduce.glsl"
shared uint firstBad[LANES];

void main() {
  if (flat_group() != 0) return;
  uint lane = gl_LocalInvocationIndex;
  float squares = 0.0;
  uint bad = chunkCount;
  for (uint c = lane; c < chunkCount; c += LANES) {
    squares += partial[c].x;
    if (partial[c].y > 0.0) bad = min(bad, c);
  }
  firstBad[lane] = bad;
  float norm = sqrt(sum_of_lanes(vec2(squares, 0.0)).x);
  barrier();
  if (lane != 0) return;
  for (uint i = 1; i < LANES; i++) bad = min(bad, firstBad[i]);
  bool finite = bad == chunkCount && norm <= 3.4e38;
  float clip = step_clip_norm();
  float factor = (clip > 0.0 ? min(1.0, clip / (norm + 1e-6)) : 1.0) / step_loss_scale();
  result = vec4(norm, factor, bad == chunkCount ? -1.0 : float(chunks[bad].z), finite ? 1.0 : 0.0);
  if (finite) updates += 1;
}

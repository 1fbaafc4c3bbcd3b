#version 450
#extension GL_GOOGLE_include_directive : require
// Sums of the grey image as the contrast step finds it (the jitter's earlier steps applied on the fly):
//   partial[n,k] = sum over the k-th 2048 pixels of grey(steps before contrast(x)).  Only images that have a contrast step are summed.
// table [*], x [N,S,S,4], partial [N,ceil(S*S/2048)]. Dispatch: a group of 64 per partial sum; fixed order. Traffic: x once.
#include "grid.glsl"
#include "augment.glsl"
layout(local_size_x = 64) in;
layout(std430, binding = 0) readonly buffer Table { Entry table[]; };
layout(std430, binding = 1) readonly buffer X { vec4 x[]; };
layout(std430, binding = 2) writeonly buffer Partial { float partial[]; };
layout(push_constant) uniform Params { uint first, n, size; };
shared float sums[64];

void main() {
  uint pixels = size * size, chunks = (pixels + 2047u) / 2048u;
  uint image = flat_group() / chunks, chunk = flat_group() % chunks;
  if (image >= n) return;
  Entry e = table[first + image];
  if (e.jitter == 0u || e.contrast == 1.0) return;

  float sum = 0.0;
  uint end = min(chunk * 2048u + 2048u, pixels);
  for (uint p = chunk * 2048u + gl_LocalInvocationIndex; p < end; p += 64u) {
    sum += grey_of(jitter_steps(e, CONTRAST, 0.0, x[image * pixels + p].rgb));
  }
  sums[gl_LocalInvocationIndex] = sum;
  barrier();
  if (gl_LocalInvocationIndex != 0u) return;
  for (uint i = 1u; i < 64u; i++) sum += sums[i];
  partial[flat_group()] = sum;
}

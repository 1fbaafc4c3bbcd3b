#version 450
// The normalisation as one multiply-add, for an op that applies it while it loads: scale = gamma invStd, shift = beta - mean scale.
// gamma, beta, mean, spread, scale, shift: [4*quads]. spread is invStd, or with eps >= 0 the variance.
// A mean much larger than the standard deviation costs digits in this form (x scale and shift nearly cancel): about mean / std * 6e-8.
// Dispatch: one lane per quad. Traffic: 6 vectors.
#extension GL_GOOGLE_include_directive : require
#include "grid.glsl"
layout(local_size_x = 64) in;
layout(push_constant) uniform Params { uint quads; float eps; };
layout(std430, set = 0, binding = 0) readonly buffer Gamma { vec4 gamma[]; };
layout(std430, set = 0, binding = 1) readonly buffer Beta { vec4 beta[]; };
layout(std430, set = 0, binding = 2) readonly buffer Mean { vec4 mean[]; };
layout(std430, set = 0, binding = 3) readonly buffer Spread { vec4 spread[]; };
layout(std430, set = 0, binding = 4) writeonly buffer Scale { vec4 scale[]; };
layout(std430, set = 0, binding = 5) writeonly buffer Shift { vec4 shift[]; };

void main() {
  uint c = flat_invocation();
  if (c >= quads) return;
  vec4 factor = eps >= 0 ? 1 / sqrt(spread[c] + eps) : spread[c];
  factor *= gamma[c];
  scale[c] = factor;
  shift[c] = beta[c] - mean[c] * factor;
}

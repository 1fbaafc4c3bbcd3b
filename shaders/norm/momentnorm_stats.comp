#version 450
// Batch statistics of z = x w, which is not stored, from the moments of x: mean_k = sum_c inputMean_c w_ck, var_k = sum_c w_ck (gram w)_ck / m - mean_k^2, gram = x' x; the running statistics; and what normalises
// z: scale = gamma invStd, shift = beta - mean scale.
// inputMean: [channels]; w, gramW: [channels, 4*quads]; the others: [4*quads].
// The variance is what is left of two terms: the rounding of gram counts (1 + mean^2 / var) times.
// Dispatch: one workgroup per eight quads. Traffic: reads w and gramW once.
#extension GL_GOOGLE_include_directive : require
#include "grid.glsl"
#include "quad_slices.glsl"
layout(push_constant) uniform Params { uint m; uint channels; uint quads; float eps; float momentum; };
layout(std430, set = 0, binding = 0) readonly buffer InputMean { float inputMean[]; };
layout(std430, set = 0, binding = 1) readonly buffer Weights { vec4 w[]; };
layout(std430, set = 0, binding = 2) readonly buffer GramWeights { vec4 gramW[]; };
layout(std430, set = 0, binding = 3) readonly buffer Gamma { vec4 gamma[]; };
layout(std430, set = 0, binding = 4) readonly buffer Beta { vec4 beta[]; };
layout(std430, set = 0, binding = 5) writeonly buffer Mean { vec4 mean[]; };
layout(std430, set = 0, binding = 6) writeonly buffer InvStd { vec4 invStd[]; };
layout(std430, set = 0, binding = 7) buffer RunningMean { vec4 runningMean[]; };
layout(std430, set = 0, binding = 8) buffer RunningVar { vec4 runningVar[]; };
layout(std430, set = 0, binding = 9) writeonly buffer Scale { vec4 scale[]; };
layout(std430, set = 0, binding = 10) writeonly buffer Shift { vec4 shift[]; };

void main() {
  uint quad = flat_group() * QUADS + gl_LocalInvocationIndex % QUADS, at = min(quad, quads - 1);
  vec4 first = vec4(0), second = vec4(0);
  for (uint c = slice; c < channels; c += SLICES) {
    vec4 v = w[c * quads + at];
    first += v * inputMean[c];
    second += v * gramW[c * quads + at];
  }
  first = over_slices(first);
  second = over_slices(second);
  if (slice != 0 || quad >= quads) return;
  vec4 var = second / float(m) - first * first;
  var = mix(var, vec4(0), lessThan(var, vec4(0)));
  vec4 inverse = 1 / sqrt(var + eps), factor = gamma[quad] * inverse;
  mean[quad] = first;
  invStd[quad] = inverse;
  runningMean[quad] = mix(runningMean[quad], first, momentum);
  runningVar[quad] = mix(runningVar[quad], var * (float(m) / max(float(m) - 1, 1)), momentum);
  scale[quad] = factor;
  shift[quad] = beta[quad] - first * factor;
}

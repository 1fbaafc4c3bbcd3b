#version 450
// What the gradient dz = a g + b z + c of z = x w, which is not stored, is made of, by channel: with sums = sum of g over the m rows and xg = x' g,
//   dgamma = sum g zhat = invStd (sum_c w_c xg_c - mean sums),  a = gamma invStd,  b = -a invStd dgamma / m,  c = -a sums / m - b mean
// w, xg: [channels, 4*quads]; factors: a, b, c, [3, 4*quads]; the others: [4*quads]. dgamma is set or, with accumulate, added to.
// Dispatch: one workgroup per eight quads. Traffic: reads w and xg once.
#extension GL_GOOGLE_include_directive : require
#include "grid.glsl"
#include "quad_slices.glsl"
layout(push_constant) uniform Params { uint m; uint channels; uint quads; uint accumulate; };
layout(std430, set = 0, binding = 0) readonly buffer Weights { vec4 w[]; };
layout(std430, set = 0, binding = 1) readonly buffer InputGradient { vec4 xg[]; };
layout(std430, set = 0, binding = 2) readonly buffer Sums { vec4 sums[]; };
layout(std430, set = 0, binding = 3) readonly buffer Gamma { vec4 gamma[]; };
layout(std430, set = 0, binding = 4) readonly buffer Mean { vec4 mean[]; };
layout(std430, set = 0, binding = 5) readonly buffer InvStd { vec4 invStd[]; };
layout(std430, set = 0, binding = 6) buffer Dgamma { vec4 dgamma[]; };
layout(std430, set = 0, binding = 7) writeonly buffer Factors { vec4 factors[]; };

void main() {
  uint quad = flat_group() * QUADS + gl_LocalInvocationIndex % QUADS, at = min(quad, quads - 1);
  vec4 sum = vec4(0);
  for (uint c = slice; c < channels; c += SLICES) sum += w[c * quads + at] * xg[c * quads + at];
  sum = over_slices(sum);
  if (slice != 0 || quad >= quads) return;
  vec4 weighted = invStd[quad] * (sum - mean[quad] * sums[quad]), a = gamma[quad] * invStd[quad], b = -a * invStd[quad] * weighted / float(m);
  dgamma[quad] = accumulate != 0 ? dgamma[quad] + weighted : weighted;
  factors[quad] = a;
  factors[quads + quad] = b;
  factors[2 * quads + quad] = -a * sums[quad] / float(m) - b * mean[quad];
}

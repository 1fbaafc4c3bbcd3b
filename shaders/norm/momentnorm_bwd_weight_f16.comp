#version 450
// dw = x' dz = a xg + b gramW + c m inputMean, set or, with accumulate, added to; and the weights by channel that dz's own gradient needs: aw = a w, rounded, and bw = b w (momentnorm_bwd_params.comp).
// w, xg, gramW, dw, aw, bw: [channels, 4*quads]; inputMean: [channels]; factors: [3, 4*quads].
// Dispatch: one lane per quad. Traffic: reads three matrices, writes three.
#define F16
#extension GL_GOOGLE_include_directive : require
#include "grid.glsl"
#include "quad.glsl"
layout(local_size_x = 256) in;
layout(push_constant) uniform Params { uint m; uint channels; uint quads; uint accumulate; };
layout(std430, set = 0, binding = 0) readonly buffer Weights { vec4 w[]; };
layout(std430, set = 0, binding = 1) readonly buffer InputGradient { vec4 xg[]; };
layout(std430, set = 0, binding = 2) readonly buffer GramWeights { vec4 gramW[]; };
layout(std430, set = 0, binding = 3) readonly buffer InputMean { float inputMean[]; };
layout(std430, set = 0, binding = 4) readonly buffer Factors { vec4 factors[]; };
layout(std430, set = 0, binding = 5) buffer WeightGradient { vec4 dw[]; };
WRITE_ACTIVATIONS(6, FirstWeights, aw);
layout(std430, set = 0, binding = 7) writeonly buffer SecondWeights { vec4 bw[]; };

void main() {
  uint i = flat_invocation(), c = i / quads, quad = i % quads;
  if (c >= channels) return;
  vec4 a = factors[quad], b = factors[quads + quad], d = a * xg[i] + b * gramW[i] + factors[2 * quads + quad] * (float(m) * inputMean[c]);
  dw[i] = accumulate != 0 ? dw[i] + d : d;
  STORE(aw, i, a * w[i]);
  bw[i] = b * w[i];
}

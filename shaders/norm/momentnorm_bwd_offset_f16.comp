#version 450
// dx = dz w' = g aw' + x wbw' + offset, aw' = (a w)' and wbw' = w b w' rounded to 16 bits: rounds the second, and gives the offset that leaves dx without a mean in spite of both roundings:
// offset_c = -(sum_k sums_k aw_kc) / m - sum_d inputMean_d wbw_dc.
// weights: aw' [4*quads, channels] and, written below it, wbw' [channels, channels]; product: w b w' [channels, channels]; sums: sum of g over the m rows, [4*quads]; inputMean, offset: [channels].
// Dispatch: one workgroup per eight quads of channels. Traffic: reads aw' and the product, writes wbw'.
#define F16
#extension GL_GOOGLE_include_directive : require
#include "grid.glsl"
#include "quad.glsl"
#include "quad_slices.glsl"
layout(push_constant) uniform Params { uint m; uint channels; uint quads; };
layout(std430, set = 0, binding = 0) readonly buffer Product { vec4 product[]; };
layout(std430, set = 0, binding = 1) readonly buffer Sums { float sums[]; };
layout(std430, set = 0, binding = 2) readonly buffer InputMean { float inputMean[]; };
CHANGE_ACTIVATIONS(3, Weights, weights);
layout(std430, set = 0, binding = 4) writeonly buffer Offset { vec4 offset[]; };

void main() {
  uint columns = channels / 4, quad = flat_group() * QUADS + gl_LocalInvocationIndex % QUADS, at = min(quad, columns - 1);
  vec4 ofG = vec4(0), ofX = vec4(0);
  for (uint k = slice; k < 4 * quads; k += SLICES) ofG += sums[k] * LOAD(weights, k * columns + at);
  for (uint d = slice; d < channels; d += SLICES) {
    vec4 v = product[d * columns + at];
    if (quad < columns) STORE(weights, (4 * quads + d) * columns + quad, v);
    ofX += inputMean[d] * STORED(v);
  }
  vec4 sum = over_slices(ofG / float(m) + ofX);
  if (slice == 0 && quad < columns) offset[quad] = -sum;
}

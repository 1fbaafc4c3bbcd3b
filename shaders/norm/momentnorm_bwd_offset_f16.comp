#version 450
// dx = dz w' = g (a w)' + x (w b w') + offset: rounds w b w' and gives the offset that leaves dx without a mean in spite of the rounding of both: offset_c = -(sum_k sums_k aw_ck) / m - sum_d rounded_cd inputMean_d;
// and a scale of ones for it.
// aw: [channels, 4*quads]; wbw, rounded: [channels, channels], symmetric; sums: sum of g over the m rows, [4*quads]; inputMean, ones, offset: [channels].
// Dispatch: one workgroup per channel. Traffic: reads aw and wbw, writes rounded.
#define F16
#define ROW_LANES 64
#extension GL_GOOGLE_include_directive : require
#include "grid.glsl"
#include "quad.glsl"
layout(local_size_x = ROW_LANES) in;
#include "row_lanes.glsl"
layout(push_constant) uniform Params { uint m; uint channels; uint quads; };
READ_ACTIVATIONS(0, FirstWeights, aw);
layout(std430, set = 0, binding = 1) readonly buffer Product { vec4 wbw[]; };
layout(std430, set = 0, binding = 2) readonly buffer Sums { vec4 sums[]; };
layout(std430, set = 0, binding = 3) readonly buffer InputMean { vec4 inputMean[]; };
WRITE_ACTIVATIONS(4, Rounded, rounded);
layout(std430, set = 0, binding = 5) writeonly buffer Ones { float ones[]; };
layout(std430, set = 0, binding = 6) writeonly buffer Offset { float offset[]; };

void main() {
  uint c = ROW_OF_LANE;
  if (c >= channels) return;
  float ofG = 0, ofX = 0;
  for (uint i = LANE_OF_ROW; i < quads; i += ROW_LANES) ofG += dot(sums[i], ACTIVATION(aw, c * quads + i));
  for (uint i = LANE_OF_ROW; i < channels / 4; i += ROW_LANES) {
    vec4 v = wbw[c * (channels / 4) + i];
    STORE(rounded, c * (channels / 4) + i, v);
    ofX += dot(inputMean[i], STORED(v));
  }
  float sum = row_sum(ofG / float(m) + ofX);
  if (LANE_OF_ROW != 0) return;
  ones[c] = 1;
  offset[c] = -sum;
}

#version 460
// CPU-driver variant of contrastive_fwd: no shared memory, no barriers. One workgroup of 8 lanes = 4 row samples; lane l folds the column samples
// 32 t + 4 l .. + 3 of its tiles t into a state of its own.
// Dispatch: ceil(rows/4) * splits. Traffic: z and text columns once per row tile.
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
layout(binding = 0) uniform samplerBuffer zRows1;
layout(binding = 1) uniform samplerBuffer zRows2;
layout(binding = 2) uniform samplerBuffer zCols1;
layout(binding = 3) uniform samplerBuffer zCols2;
layout(binding = 4) uniform samplerBuffer textRows;
layout(binding = 5) uniform samplerBuffer textCols;
layout(std430, binding = 6) readonly buffer Similarity { float similarity[]; };
layout(std430, binding = 7) readonly buffer Labels { uint labels[]; };
layout(std430, binding = 8) buffer Partial { vec4 partial[]; };  // [splits * 8, rows, 2]
#include "contrastive.glsl"
#include "contrastive_word.glsl"
#define COLUMNS 4
#include "contrastive_state.glsl"

void main() {
  uint rowTiles = (rows + SAMPLES - 1) / SAMPLES;
  uint group = flat_group();
  if (group >= rowTiles * splits) return;
  uint row0 = group % rowTiles * SAMPLES;
  uint split = group / rowTiles;
  uint part = split * 8 + gl_LocalInvocationIndex;
  vec4 soft[SAMPLES];
  vec4 target[SAMPLES];
  [[unroll]] for (int r = 0; r < SAMPLES; r++) {
    uint at = 2 * (part * rows + min(row0 + r, rows - 1));
    soft[r] = resume == 1 ? partial[at] : vec4(EMPTY, 0.0, EMPTY, 0.0);
    target[r] = resume == 1 ? partial[at + 1] : vec4(0.0);
  }
  for (uint first = split * 32; first < cols; first += splits * 32) {
    uint column0 = first + 4 * gl_LocalInvocationIndex;
    tile(row0, column0);
    [[unroll]] for (int r = 0; r < SAMPLES; r++) {
      float l11[4] = float[4](product[r][0], product[r][1], product[r][2], product[r][3]);
      float l12[4] = float[4](product[r][4], product[r][5], product[r][6], product[r][7]);
      float l21[4] = float[4](product[SAMPLES + r][0], product[SAMPLES + r][1], product[SAMPLES + r][2], product[SAMPLES + r][3]);
      float l22[4] = float[4](product[SAMPLES + r][4], product[SAMPLES + r][5], product[SAMPLES + r][6], product[SAMPLES + r][7]);
      fold(soft[r], target[r], min(row0 + r, rows - 1), column0, l11, l12, l21, l22, textDot[r]);
    }
  }
  [[unroll]] for (int r = 0; r < SAMPLES; r++) {
    if (row0 + r < rows) {
      uint at = 2 * (part * rows + row0 + r);
      partial[at] = soft[r];
      partial[at + 1] = target[r];
    }
  }
}

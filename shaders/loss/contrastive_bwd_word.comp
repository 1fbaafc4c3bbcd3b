#version 460
// CPU-driver variant of contrastive_bwd: 8 lanes = 4 row samples by 32 column samples of the slab, 4 per lane.
// Dispatch: ceil(rows/4) * splits, splits = column tiles of 32 samples. Traffic: z and text once per tile; the slab is written once.
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
layout(binding = 0) uniform samplerBuffer zRows1;
layout(binding = 1) uniform samplerBuffer zRows2;
layout(binding = 2) uniform samplerBuffer zCols1;
layout(binding = 3) uniform samplerBuffer zCols2;
layout(binding = 4) uniform samplerBuffer textRows;
layout(binding = 5) uniform samplerBuffer textCols;
layout(binding = 6) uniform samplerBuffer stateRows;
layout(binding = 7) uniform samplerBuffer stateCols;
layout(std430, binding = 8) readonly buffer Similarity { float similarity[]; };
layout(std430, binding = 9) readonly buffer Labels { uint labels[]; };
layout(std430, binding = 10) readonly buffer Step { uint step_words[]; };
layout(std430, binding = 11) writeonly buffer Slab { vec4 slab[]; };          // [2, rows, 2, 32 * splits] in floats: row's view, row, column's view
#include "step.glsl"
#include "contrastive.glsl"
#include "contrastive_word.glsl"
#include "contrastive_coefficient.glsl"

void main() {
  uint rowTiles = (rows + SAMPLES - 1) / SAMPLES;
  uint group = flat_group();
  if (group >= rowTiles * splits) return;
  uint row0 = group % rowTiles * SAMPLES;
  uint column0 = group / rowTiles * 32 + 4 * gl_LocalInvocationIndex;
  tile(row0, column0);
  vec4 stateB[4];
  [[unroll]] for (int c = 0; c < 4; c++) stateB[c] = texelFetch(stateCols, int(firstCol + min(column0 + c, cols - 1)));
  uint pitch = 16 * splits;  // vec4 per slab row
  [[unroll]] for (int r = 0; r < SAMPLES; r++) {
    uint row = min(row0 + r, rows - 1);
    vec4 stateA = texelFetch(stateRows, int(stateRowAt + row));
    vec4 g[4];
    [[unroll]] for (int c = 0; c < 4; c++) {
      vec4 logits = vec4(product[r][c], product[r][4 + c], product[SAMPLES + r][c], product[SAMPLES + r][4 + c]);
      g[c] = coefficients(row, min(column0 + c, cols - 1), column0 + c < cols, logits, textDot[r][c], stateA, stateB[c]);
    }
    mat4 byView = transpose(mat4(g[0], g[1], g[2], g[3]));  // column v = coefficients of view pair v
    if (row0 + r < rows) {
      uint at1 = (row0 + r) * pitch + column0 / 4;
      uint at2 = at1 + rows * pitch;
      slab[at1] = byView[0];
      slab[at1 + pitch / 2] = byView[1];
      slab[at2] = byView[2];
      slab[at2 + pitch / 2] = byView[3];
    }
  }
}

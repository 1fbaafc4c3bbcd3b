#version 460
// CPU-driver variant of contrastive_bwd: 8 lanes = 8 row samples by 32 column samples of the slab, 4 per lane.
// Dispatch: ceil(rows/8) * splits, splits = column tiles of 32 samples. Traffic: z and text once per tile; the slab is written once.
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_EXT_shader_explicit_arithmetic_types_int64 : require
layout(std430, binding = 0) readonly buffer ZRows1 { vec4 zRows1[]; };
layout(std430, binding = 1) readonly buffer ZRows2 { vec4 zRows2[]; };
layout(std430, binding = 2) readonly buffer ZCols1 { uint64_t zCols1[]; };
layout(std430, binding = 3) readonly buffer ZCols2 { uint64_t zCols2[]; };
layout(std430, binding = 4) readonly buffer TextRows { vec4 textRows[]; };
layout(std430, binding = 5) readonly buffer TextCols { uint64_t textCols[]; };
layout(std430, binding = 6) readonly buffer Similarity { float similarity[]; };
layout(std430, binding = 7) readonly buffer Labels { uint labels[]; };
layout(std430, binding = 8) readonly buffer StateRows { vec4 stateRows[]; };  // by local sample
layout(std430, binding = 9) readonly buffer StateCols { vec4 stateCols[]; };  // by sample
layout(std430, binding = 10) readonly buffer Step { uint step_words[]; };
layout(std430, binding = 11) writeonly buffer Slab { vec4 slab[]; };          // [2, rows, 2, 32 * splits] in floats: row's view, row, column's view
#include "step.glsl"
#include "contrastive.glsl"
#include "contrastive_word.glsl"
#include "contrastive_coefficient.glsl"

void main() {
  uint rowTiles = (rows + 7) / 8;
  uint group = flat_group();
  if (group >= rowTiles * splits) return;
  uint row0 = group % rowTiles * 8;
  uint column0 = group / rowTiles * 32 + 4 * gl_LocalInvocationIndex;
  tile(row0, column0);
  vec4 stateB[4];
  [[unroll]] for (int c = 0; c < 4; c++) stateB[c] = stateCols[firstCol + min(column0 + c, cols - 1)];
  uint pitch = 16 * splits;  // vec4 per slab row
  [[unroll]] for (int r = 0; r < 8; r++) {
    uint row = min(row0 + r, rows - 1);
    vec4 stateA = stateRows[stateRowAt + row];
    vec4 g[4];
    [[unroll]] for (int c = 0; c < 4; c++) {
      vec4 logits = vec4(product[r][c], product[r][4 + c], product[8 + r][c], product[8 + r][4 + c]);
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

#version 460
// Backward of the soft-target contrastive loss for one slab of column samples: the coefficients
//   g_ij = loss scale / (2N tau) ((p_ij - s_ij) + (p_ji - s_ji))
// recomputed from z, the targets and the saved states; contrastive_rows_bwd multiplies them with the columns.
// Shapes: as contrastive_fwd; states [., 4]; slab [2, rows, 2, 32 * splits] (row's view, row, column's view, column), zero past the last column.
// Dispatch: ceil(rows/32) * splits, splits = column tiles of 32 samples. Traffic: z and text once per tile, the slab once.
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
layout(std430, binding = 0) readonly buffer ZRows1 { vec4 zRows1[]; };
layout(std430, binding = 1) readonly buffer ZRows2 { vec4 zRows2[]; };
layout(std430, binding = 2) readonly buffer ZCols1 { vec4 zCols1[]; };
layout(std430, binding = 3) readonly buffer ZCols2 { vec4 zCols2[]; };
layout(std430, binding = 4) readonly buffer TextRows { vec4 textRows[]; };
layout(std430, binding = 5) readonly buffer TextCols { vec4 textCols[]; };
layout(std430, binding = 6) readonly buffer StateRows { vec4 stateRows[]; };
layout(std430, binding = 7) readonly buffer StateCols { vec4 stateCols[]; };
layout(std430, binding = 8) readonly buffer Similarity { float similarity[]; };
layout(std430, binding = 9) readonly buffer Labels { uint labels[]; };
layout(std430, binding = 10) readonly buffer Step { uint step_words[]; };
layout(std430, binding = 11) writeonly buffer Slab { vec2 slab[]; };
#include "step.glsl"
#include "contrastive.glsl"
#include "contrastive_tile.glsl"
#include "contrastive_coefficient.glsl"

void main() {
  uint rowTiles = (rows + 31) / 32;
  uint group = flat_group();
  if (group >= rowTiles * splits) return;
  uint row0 = group % rowTiles * 32;
  uint first = group / rowTiles * 32;
  uint ty = gl_LocalInvocationIndex >> 4, tx = gl_LocalInvocationIndex & 15;
  tile(row0, first);
  uint column0 = first + 2 * tx;
  uint pitch = 32 * splits;  // vec2 per slab row
  [[unroll]] for (int r = 0; r < 2; r++) {
    uint row = row0 + 2 * ty + r;
    vec4 stateA = stateRows[stateRowAt + min(row, rows - 1)];
    vec4 g[2];
    [[unroll]] for (int c = 0; c < 2; c++) {
      uint column = min(column0 + c, cols - 1);
      vec4 logits = vec4(product[r][c], product[r][2 + c], product[2 + r][c], product[2 + r][2 + c]);
      g[c] = coefficients(min(row, rows - 1), column, column0 + c < cols, logits, textDot[r][c], stateA, stateCols[firstCol + column]);
    }
    if (row < rows) {
      uint at1 = row * pitch + column0 / 2;
      uint at2 = at1 + rows * pitch;
      slab[at1] = vec2(g[0].x, g[1].x);
      slab[at1 + pitch / 2] = vec2(g[0].y, g[1].y);
      slab[at2] = vec2(g[0].z, g[1].z);
      slab[at2 + pitch / 2] = vec2(g[0].w, g[1].w);
    }
  }
}

#version 460
// Backward of one direction and view of CLIP's loss for one slab of columns: coefficients of y_j in dx_i (clip_coefficient.glsl), zero past the last column.
// Shapes: as clip_fwd; states [., 4] (log-sum-exp first); slab [rows, 64 * splits]. Dispatch: ceil(rows/64) * splits, splits = column tiles of 64.
// Traffic: rows and columns once per tile, the slab once.
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
layout(std430, binding = 0) readonly buffer X { vec4 xRows[]; };
layout(std430, binding = 1) readonly buffer Y { vec4 yCols[]; };
layout(std430, binding = 2) readonly buffer StateRows { vec4 states[]; };
layout(std430, binding = 3) readonly buffer Scale { float logit_scale; };
layout(std430, binding = 4) readonly buffer Step { uint step_words[]; };
layout(std430, binding = 5) writeonly buffer Slab { vec4 slab[]; };
#include "step.glsl"
#include "clip.glsl"
#include "clip_tile.glsl"
#include "clip_coefficient.glsl"

void main() {
  uint rowTiles = (rows + 63) / 64;
  uint group = flat_group();
  if (group >= rowTiles * splits) return;
  uint row0 = group % rowTiles * 64;
  uint first = group / rowTiles * 64;
  uint ty = gl_LocalInvocationIndex >> 4, tx = gl_LocalInvocationIndex & 15;
  tile(row0, first);
  [[unroll]] for (int r = 0; r < 4; r++) {
    uint row = row0 + 4 * ty + r;
    float lseRow = states[stateRowAt + min(row, rows - 1)].x;
    vec4 g = vec4(0.0);
    [[unroll]] for (int c = 0; c < 4; c++) {
      uint column = first + 4 * tx + c;
      float lseCol = states[stateColAt + min(column, cols - 1)].x;
      g[c] = column < cols ? coefficient(product[r][c], lseRow, lseCol, firstRow + row == firstCol + column) : 0.0;
    }
    if (row < rows) slab[row * 16 * splits + first / 4 + tx] = g;
  }
}

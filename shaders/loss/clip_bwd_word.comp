#version 460
// CPU-driver variant of clip_bwd: 8 lanes = 8 rows by 64 columns, 8 per lane. Dispatch: ceil(rows/8) * splits. Traffic: as clip_bwd.
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
layout(binding = 0) uniform samplerBuffer xRows;
layout(binding = 1) uniform samplerBuffer yCols;
layout(binding = 2) uniform samplerBuffer states;
layout(std430, binding = 3) readonly buffer Scale { float logit_scale; };
layout(std430, binding = 4) readonly buffer Step { uint step_words[]; };
layout(std430, binding = 5) writeonly buffer Slab { vec4 slab[]; };
#include "step.glsl"
#include "clip.glsl"
#include "clip_word.glsl"
#include "clip_coefficient.glsl"

void main() {
  uint rowTiles = (rows + ROWS - 1) / ROWS;
  uint group = flat_group();
  if (group >= rowTiles * splits) return;
  uint row0 = group % rowTiles * ROWS;
  uint first = group / rowTiles * 64 + 8 * gl_LocalInvocationIndex;
  tile(row0, first);
  float lseCol[8];
  [[unroll]] for (int c = 0; c < 8; c++) lseCol[c] = texelFetch(states, int(stateColAt + min(first + c, cols - 1))).x;
  [[unroll]] for (int r = 0; r < ROWS; r++) {
    float lseRow = texelFetch(states, int(stateRowAt + min(row0 + r, rows - 1))).x;
    [[unroll]] for (int h = 0; h < 2; h++) {
      vec4 g;
      [[unroll]] for (int c = 0; c < 4; c++) {
        uint column = first + 4 * h + c;
        g[c] = column < cols ? coefficient(product[r][4 * h + c], lseRow, lseCol[4 * h + c], firstRow + row0 + r == firstCol + column) : 0.0;
      }
      if (row0 + r < rows) slab[(row0 + r) * 16 * splits + first / 4 + h] = g;
    }
  }
}

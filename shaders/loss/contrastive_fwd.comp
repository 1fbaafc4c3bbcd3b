#version 460
// Forward of the soft-target contrastive loss: streams the columns and keeps, per row sample, the running state of both rows' softmax and of the
// target (contrastive_state.glsl); contrastive_merge_fwd joins the partial states. Nothing of size rows x columns exists.
//   l_ij = z_i . z_j / tau, target weights w_ij of contrastive.glsl, the self pair masked in both.
// Shapes: z windows [rows, P] and [cols, P] of each view, text [rows, D], [cols, D], partial [splits * 16, rows, 8].
// Dispatch: ceil(rows/32) * splits workgroups; tile t of 32 column samples belongs to split t mod splits; invocation column tx keeps its own state.
// Traffic: z and text of the columns once per row tile, of the rows once per tile; partial once.
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
layout(std430, binding = 0) readonly buffer ZRows1 { vec4 zRows1[]; };
layout(std430, binding = 1) readonly buffer ZRows2 { vec4 zRows2[]; };
layout(std430, binding = 2) readonly buffer ZCols1 { vec4 zCols1[]; };
layout(std430, binding = 3) readonly buffer ZCols2 { vec4 zCols2[]; };
layout(std430, binding = 4) readonly buffer TextRows { vec4 textRows[]; };
layout(std430, binding = 5) readonly buffer TextCols { vec4 textCols[]; };
layout(std430, binding = 6) readonly buffer Similarity { float similarity[]; };
layout(std430, binding = 7) readonly buffer Labels { uint labels[]; };
layout(std430, binding = 8) buffer Partial { vec4 partial[]; };
#include "contrastive.glsl"
#include "contrastive_tile.glsl"
#define COLUMNS 2
#include "contrastive_state.glsl"

void main() {
  uint rowTiles = (rows + 31) / 32;
  uint group = flat_group();
  if (group >= rowTiles * splits) return;
  uint row0 = group % rowTiles * 32;
  uint split = group / rowTiles;
  uint ty = gl_LocalInvocationIndex >> 4, tx = gl_LocalInvocationIndex & 15;
  uint part = split * 16 + tx;
  vec4 soft[2];
  vec4 target[2];
  [[unroll]] for (int r = 0; r < 2; r++) {
    uint at = 2 * (part * rows + min(row0 + 2 * ty + r, rows - 1));
    soft[r] = resume == 1 ? partial[at] : vec4(EMPTY, 0.0, EMPTY, 0.0);
    target[r] = resume == 1 ? partial[at + 1] : vec4(0.0);
  }
  for (uint first = split * 32; first < cols; first += splits * 32) {
    tile(row0, first);
    [[unroll]] for (int r = 0; r < 2; r++) {
      float l11[2] = float[2](product[r][0], product[r][1]);
      float l12[2] = float[2](product[r][2], product[r][3]);
      float l21[2] = float[2](product[2 + r][0], product[2 + r][1]);
      float l22[2] = float[2](product[2 + r][2], product[2 + r][3]);
      fold(soft[r], target[r], min(row0 + 2 * ty + r, rows - 1), first + 2 * tx, l11, l12, l21, l22, textDot[r]);
    }
  }
  [[unroll]] for (int r = 0; r < 2; r++) {
    uint row = row0 + 2 * ty + r;
    if (row < rows) {
      uint at = 2 * (part * rows + row);
      partial[at] = soft[r];
      partial[at + 1] = target[r];
    }
  }
}

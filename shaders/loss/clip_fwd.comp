#version 460
// One direction of CLIP's loss: streams the columns and keeps each row's running softmax state (clip_state.glsl); clip_merge_fwd joins them.
// Shapes: x window [rows, P], y window [cols, P], logit_scale [1], partial [splits * 16, rows, 4].
// Dispatch: ceil(rows/64) * splits; tile t of 64 columns belongs to split t mod splits. Traffic: columns once per row tile, rows once per tile.
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
layout(std430, binding = 0) readonly buffer X { vec4 xRows[]; };
layout(std430, binding = 1) readonly buffer Y { vec4 yCols[]; };
layout(std430, binding = 2) readonly buffer Scale { float logit_scale; };
layout(std430, binding = 3) buffer Partial { vec4 partial[]; };
#include "clip.glsl"
#include "clip_tile.glsl"
#define COLUMNS 4
#include "clip_state.glsl"

void main() {
  uint rowTiles = (rows + 63) / 64;
  uint group = flat_group();
  if (group >= rowTiles * splits) return;
  uint row0 = group % rowTiles * 64;
  uint split = group / rowTiles;
  uint ty = gl_LocalInvocationIndex >> 4, tx = gl_LocalInvocationIndex & 15;
  uint part = (split * 16 + tx) * rows;
  vec4 state[4];
  [[unroll]] for (int r = 0; r < 4; r++) state[r] = resume == 1 ? partial[part + min(row0 + 4 * ty + r, rows - 1)] : vec4(EMPTY, 0.0, 0.0, 0.0);
  for (uint first = split * 64; first < cols; first += splits * 64) {
    tile(row0, first);
    [[unroll]] for (int r = 0; r < 4; r++) fold(state[r], min(row0 + 4 * ty + r, rows - 1), first + 4 * tx, product[r]);
  }
  [[unroll]] for (int r = 0; r < 4; r++) {
    uint row = row0 + 4 * ty + r;
    if (row < rows) partial[part + row] = state[r];
  }
}

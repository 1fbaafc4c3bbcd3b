#version 460
// CPU-driver variant of clip_fwd: 8 lanes = 8 rows by tiles of 64 columns, 8 per lane, each lane with a state of its own.
// Shapes: as clip_fwd, partial [splits * 8, rows, 4]. Dispatch: ceil(rows/8) * splits. Traffic: columns once per row tile.
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
layout(binding = 0) uniform samplerBuffer xRows;
layout(binding = 1) uniform samplerBuffer yCols;
layout(std430, binding = 2) readonly buffer Scale { float logit_scale; };
layout(std430, binding = 3) buffer Partial { vec4 partial[]; };
#include "clip.glsl"
#include "clip_word.glsl"
#define COLUMNS 8
#include "clip_state.glsl"

void main() {
  uint rowTiles = (rows + ROWS - 1) / ROWS;
  uint group = flat_group();
  if (group >= rowTiles * splits) return;
  uint row0 = group % rowTiles * ROWS;
  uint split = group / rowTiles;
  uint part = (split * 8 + gl_LocalInvocationIndex) * rows;
  vec4 state[ROWS];
  [[unroll]] for (int r = 0; r < ROWS; r++) state[r] = resume == 1 ? partial[part + min(row0 + r, rows - 1)] : vec4(EMPTY, 0.0, 0.0, 0.0);
  for (uint first = split * 64; first < cols; first += splits * 64) {
    uint column0 = first + 8 * gl_LocalInvocationIndex;
    tile(row0, column0);
    [[unroll]] for (int r = 0; r < ROWS; r++) fold(state[r], min(row0 + r, rows - 1), column0, product[r]);
  }
  [[unroll]] for (int r = 0; r < ROWS; r++) {
    if (row0 + r < rows) partial[part + row0 + r] = state[r];
  }
}

#version 460
// CPU-driver variant of contrastive_rows_bwd: 16 rows (slab entries uniform, vec4 along the columns) by 8 dimensions per lane (four 64-bit words).
// Dispatch: ceil(rows/16) * ceil(P/64) groups of 8 lanes. Traffic: columns once per row tile, slab once per 64 dimensions.
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_EXT_shader_explicit_arithmetic_types_int64 : require
layout(local_size_x = 8) in;
layout(std430, binding = 0) readonly buffer Slab { vec4 slab[]; };
layout(std430, binding = 1) readonly buffer Cols1 { uint64_t columns1[]; };
layout(std430, binding = 2) readonly buffer Cols2 { uint64_t columns2[]; };
layout(std430, binding = 3) buffer Out { vec4 dz[]; };
#include "slab_rows.glsl"

vec4 acc[16][2];

// Adds slab[., slabAt ..] * columns; `which` is a constant at each call.
void accumulate(uint row0, uint word, uint cols, uint slabAt, uint colAt, bool second) {
  uint rowAt[16];
  [[unroll]] for (int r = 0; r < 16; r++) rowAt[r] = min(row0 + r, rows - 1) * pitch + slabAt;
  for (uint j = 0; j < cols; j += 4) {
    vec4 x[16];
    [[unroll]] for (int r = 0; r < 16; r++) x[r] = slab[rowAt[r] + j / 4];
    [[unroll]] for (int i = 0; i < 4; i++) {
      uint base = 2 * (colAt + min(j + i, cols - 1) * words);
      vec2 y[4];
      [[unroll]] for (int w = 0; w < 4; w++) {
        uint at = base + min(word + w, 2 * words - 1);
        y[w] = uintBitsToFloat(unpack32(second ? columns2[at] : columns1[at]));
      }
      [[unroll]] for (int r = 0; r < 16; r++) {
        acc[r][0] += x[r][i] * vec4(y[0], y[1]);
        acc[r][1] += x[r][i] * vec4(y[2], y[3]);
      }
    }
  }
}

void main() {
  uint rowTiles = (rows + 15) / 16;
  uint group = flat_group();
  if (group >= rowTiles * ((words + 15) / 16)) return;
  uint row0 = group % rowTiles * 16;
  uint word4 = (group / rowTiles * 8 + gl_LocalInvocationIndex) * 2;
  [[unroll]] for (int r = 0; r < 16; r++) acc[r][0] = acc[r][1] = vec4(0.0);
  accumulate(row0, 2 * word4, cols1, 0, col1At, false);
  if (cols2 > 0) accumulate(row0, 2 * word4, cols2, cols2At, col2At, true);
  [[unroll]] for (int r = 0; r < 16; r++) {
    [[unroll]] for (int h = 0; h < 2; h++) {
      if (row0 + r < rows && word4 + h < words) {
        uint at = outAt + (row0 + r) * words + word4 + h;
        dz[at] = add == 1 ? dz[at] + acc[r][h] : acc[r][h];
      }
    }
  }
}

#version 460
// CPU-driver variant of contrastive_rows_bwd: 16 rows (slab entries equal in all lanes, vec4 along the columns) by two vec4 of dimensions per lane.
// Dispatch: ceil(rows/16) * ceil(P/64) groups of 8 lanes. Traffic: columns once per row tile, slab once per 64 dimensions.
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
layout(local_size_x = 8) in;
layout(binding = 0) uniform samplerBuffer slab;
layout(binding = 1) uniform samplerBuffer columns1;
layout(binding = 2) uniform samplerBuffer columns2;
layout(std430, binding = 3) buffer Out { vec4 dz[]; };
#include "slab_rows.glsl"

const int ROWS = 16;
vec4 acc[ROWS][2];

// Adds slab[., slabAt ..] * columns; `second` is a constant at each call. Slab entries past the last column are zero.
void accumulate(uint row0, uvec2 word, uint slabAt, uint colAt, bool second) {
  int rowAt[ROWS];
  [[unroll]] for (int r = 0; r < ROWS; r++) rowAt[r] = int(min(row0 + r, rows - 1) * pitch + slabAt);
  int j = 0;
  do {
    vec4 y[4][2];
    [[unroll]] for (int i = 0; i < 4; i++) {
      uint base = colAt + min(uint(4 * j + i), cols - 1) * words;
      [[unroll]] for (int h = 0; h < 2; h++) y[i][h] = second ? texelFetch(columns2, int(base + word[h])) : texelFetch(columns1, int(base + word[h]));
    }
    [[unroll]] for (int r = 0; r < ROWS; r++) {
      vec4 x = texelFetch(slab, rowAt[r] + j);
      [[unroll]] for (int h = 0; h < 2; h++) acc[r][h] = acc[r][h] + x.x * y[0][h] + x.y * y[1][h] + x.z * y[2][h] + x.w * y[3][h];
    }
  } while (4 * ++j < int(cols));
}

void main() {
  uint rowTiles = (rows + ROWS - 1) / ROWS;
  uint group = flat_group();
  if (group >= rowTiles * ((words + 15) / 16)) return;
  uint row0 = group % rowTiles * ROWS;
  uint word = (group / rowTiles * 8 + gl_LocalInvocationIndex) * 2;
  uvec2 inside = min(uvec2(word, word + 1), uvec2(words - 1));
  [[unroll]] for (int r = 0; r < ROWS; r++) acc[r][0] = acc[r][1] = vec4(0.0);
  accumulate(row0, inside, 0, col1At, false);
  if (two == 1) accumulate(row0, inside, pitch / 2, col2At, true);
  [[unroll]] for (int r = 0; r < ROWS; r++) {
    [[unroll]] for (int h = 0; h < 2; h++) {
      if (row0 + r < rows && word + h < words) {
        uint at = outAt + (row0 + r) * words + word + h;
        dz[at] = add == 1 ? dz[at] + acc[r][h] : acc[r][h];
      }
    }
  }
}

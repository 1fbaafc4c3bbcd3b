// Portable tile of clip_fwd and clip_bwd: 64 rows by 64 columns; invocation (ty, tx) holds rows 4 ty .. + 3 by columns 4 tx .. + 3 as logits.
layout(local_size_x = 256) in;
#include "tile.glsl"

float product[4][4];

void tile(uint row0, uint column0) {
  [[unroll]] for (int r = 0; r < 4; r++) [[unroll]] for (int c = 0; c < 4; c++) product[r][c] = 0.0;
  uint slot = gl_LocalInvocationIndex >> 2;
  uint word = gl_LocalInvocationIndex & 3;
  uint ty = gl_LocalInvocationIndex >> 4, tx = gl_LocalInvocationIndex & 15;
  uint xAt = rowAt + min(row0 + slot, rows - 1) * words;
  uint yAt = colAt + min(column0 + slot, cols - 1) * words;
  for (uint k0 = 0; k0 < words; k0 += K_STEP) {
    uint k = k0 + word;
    vec4 x = k < words ? xRows[xAt + k] : vec4(0.0);
    vec4 y = k < words ? yCols[yAt + k] : vec4(0.0);
    barrier();
    stage(slot, word, x, y);
    barrier();
    for (uint i = 0; i < 16; i++) {
      [[unroll]] for (int r = 0; r < 4; r++) {
        float xr = rowTile[i * PITCH + 4 * ty + r];
        [[unroll]] for (int c = 0; c < 4; c++) product[r][c] = fma(xr, colTile[i * PITCH + 4 * tx + c], product[r][c]);
      }
    }
  }
  float scale = exp(logit_scale);
  [[unroll]] for (int r = 0; r < 4; r++) [[unroll]] for (int c = 0; c < 4; c++) product[r][c] *= scale;
}

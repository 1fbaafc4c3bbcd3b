// Portable tile of contrastive_fwd and contrastive_bwd: 32 row samples by 32 column samples, both views; invocation (ty, tx) holds the samples
// 2 ty, 2 ty + 1 by 2 tx, 2 tx + 1, which are rows 2 ty, 2 ty + 1, 32 + 2 ty, 33 + 2 ty of tile.glsl's by the like columns: its two halves of 32 are the two views, or, in text_products, two pieces of K of the
// same 32 samples.
layout(local_size_x = 256) in;
#include "tile.glsl"

// Row or column of the tile that is the i-th of an invocation's four.
uint tile_index(uint t, uint i) { return (i >> 1) * 32 + 2 * t + (i & 1); }

float product[4][4];  // [view of row * 2 + row][view of column * 2 + column]: logits
float textDot[2][2];

void text_products(uint row0, uint column0) {
  [[unroll]] for (int r = 0; r < 2; r++) [[unroll]] for (int c = 0; c < 2; c++) textDot[r][c] = 0.0;
  if (TARGET != TARGET_TEXT) return;
  uint slot = gl_LocalInvocationIndex >> 2;
  uint word = gl_LocalInvocationIndex & 3;
  uint ty = gl_LocalInvocationIndex >> 4, tx = gl_LocalInvocationIndex & 15;
  uint rowAt = textRowAt + min(row0 + (slot & 31), rows - 1) * textWords;
  uint colAt = textColAt + min(column0 + (slot & 31), cols - 1) * textWords;
  for (uint k0 = 0; k0 < textWords; k0 += 2 * K_STEP) {
    uint k = k0 + (slot >> 5) * K_STEP + word;
    barrier();
    stage(slot, word, k < textWords ? textRows[rowAt + k] : vec4(0.0), k < textWords ? textCols[colAt + k] : vec4(0.0));
    barrier();
    for (uint i = 0; i < 16; i++) {
      [[unroll]] for (uint half_ = 0; half_ < 64; half_ += 32) {
        uint at = i * PITCH + half_;
        [[unroll]] for (int r = 0; r < 2; r++)
          [[unroll]] for (int c = 0; c < 2; c++) textDot[r][c] = fma(rowTile[at + 2 * ty + r], colTile[at + 2 * tx + c], textDot[r][c]);
      }
    }
  }
}

void tile(uint row0, uint column0) {
  text_products(row0, column0);
  [[unroll]] for (int r = 0; r < 4; r++) [[unroll]] for (int c = 0; c < 4; c++) product[r][c] = 0.0;
  uint slot = gl_LocalInvocationIndex >> 2;
  uint word = gl_LocalInvocationIndex & 3;
  uint ty = gl_LocalInvocationIndex >> 4, tx = gl_LocalInvocationIndex & 15;
  uint rowAt = min(row0 + (slot & 31), rows - 1) * zWords + (slot < 32 ? zRow1At : zRow2At);
  uint colAt = min(column0 + (slot & 31), cols - 1) * zWords + (slot < 32 ? zCol1At : zCol2At);
  for (uint k0 = 0; k0 < zWords; k0 += K_STEP) {
    uint k = k0 + word;
    vec4 x = vec4(0.0), y = vec4(0.0);
    if (k < zWords) {
      if (slot < 32) {
        x = zRows1[rowAt + k];
        y = zCols1[colAt + k];
      } else {
        x = zRows2[rowAt + k];
        y = zCols2[colAt + k];
      }
    }
    barrier();
    stage(slot, word, x, y);
    barrier();
    for (uint i = 0; i < 16; i++) {
      [[unroll]] for (int r = 0; r < 4; r++) {
        float xr = rowTile[i * PITCH + tile_index(ty, r)];
        [[unroll]] for (int c = 0; c < 4; c++) product[r][c] = fma(xr, colTile[i * PITCH + tile_index(tx, c)], product[r][c]);
      }
    }
  }
  [[unroll]] for (int r = 0; r < 4; r++) [[unroll]] for (int c = 0; c < 4; c++) product[r][c] *= invTau;
}

// Word variant's tile: 8 row samples (both views: 16 rows, uniform) by 4 column samples of this lane (8 columns).
layout(local_size_x = 8) in;
#define LOAD_ROW(r, at) ((r) < 8 ? zRows1[at] : zRows2[at])
#define LOAD_COLUMN(c, at) ((c) < 4 ? zCols1[at] : zCols2[at])
#include "tile_word.glsl"

float textDot[8][4];

void text_products(uint row0, uint column0) {
  [[unroll]] for (int r = 0; r < 8; r++) [[unroll]] for (int c = 0; c < 4; c++) textDot[r][c] = 0.0;
  if (TARGET != TARGET_TEXT) return;
  uint k = 0;
  do {
    vec4 x[8];
    [[unroll]] for (int r = 0; r < 8; r++) x[r] = textRows[textRowAt + min(row0 + r, rows - 1) * textWords + k];
    [[unroll]] for (int c = 0; c < 4; c++) {
      uint at = 2 * (textColAt + min(column0 + c, cols - 1) * textWords + k);
      vec4 y = two_words(textCols[at], textCols[at + 1]);
      [[unroll]] for (int r = 0; r < 8; r++) textDot[r][c] += dot(x[r], y);
    }
  } while (++k < textWords);
}

// Logits of the tile into product[view*8 + row][view*4 + column], text products into textDot. Indices past the end repeat the last.
void tile(uint row0, uint column0) {
  text_products(row0, column0);
  uint rowAt[16];
  uint columnAt[8];
  [[unroll]] for (int r = 0; r < 8; r++) {
    uint row = min(row0 + r, rows - 1) * zWords;
    rowAt[r] = zRow1At + row;
    rowAt[8 + r] = zRow2At + row;
  }
  [[unroll]] for (int c = 0; c < 4; c++) {
    uint column = min(column0 + c, cols - 1) * zWords;
    columnAt[c] = 2 * (zCol1At + column);
    columnAt[4 + c] = 2 * (zCol2At + column);
  }
  products(rowAt, columnAt, zWords);
  [[unroll]] for (int r = 0; r < 16; r++) [[unroll]] for (int c = 0; c < 8; c++) product[r][c] *= invTau;
}

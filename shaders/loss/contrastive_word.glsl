// Word variant's tile: SAMPLES row samples (both views; equal in all lanes) by 4 column samples of this lane (8 columns).
layout(local_size_x = 8) in;
const int SAMPLES = 4;
#define ROWS 8
#define LOAD_ROW(r, at) ((r) < SAMPLES ? texelFetch(zRows1, at) : texelFetch(zRows2, at))
#define LOAD_COLUMN(c, at) ((c) < 4 ? texelFetch(zCols1, at) : texelFetch(zCols2, at))
#include "tile_word.glsl"

float textDot[SAMPLES][4];

void text_products(uint row0, uint column0) {
  [[unroll]] for (int r = 0; r < SAMPLES; r++) [[unroll]] for (int c = 0; c < 4; c++) textDot[r][c] = 0.0;
  if (TARGET != TARGET_TEXT) return;
  int rowAt[SAMPLES], columnAt[4];
  [[unroll]] for (int r = 0; r < SAMPLES; r++) rowAt[r] = int(textRowAt + min(row0 + r, rows - 1) * textWords);
  [[unroll]] for (int c = 0; c < 4; c++) columnAt[c] = int(textColAt + min(column0 + c, cols - 1) * textWords);
  int k = 0;
  do {
    vec4 x[SAMPLES];
    [[unroll]] for (int r = 0; r < SAMPLES; r++) x[r] = texelFetch(textRows, rowAt[r] + k);
    [[unroll]] for (int c = 0; c < 4; c++) {
      vec4 y = texelFetch(textCols, columnAt[c] + k);
      [[unroll]] for (int r = 0; r < SAMPLES; r++) textDot[r][c] = textDot[r][c] + x[r].x * y.x + x[r].y * y.y + x[r].z * y.z + x[r].w * y.w;
    }
  } while (++k < int(textWords));
}

// Logits of the tile into product[view*SAMPLES + row][view*4 + column], text products into textDot. Indices past the end repeat the last.
void tile(uint row0, uint column0) {
  text_products(row0, column0);
  int rowAt[ROWS];
  int columnAt[8];
  [[unroll]] for (int r = 0; r < SAMPLES; r++) {
    uint row = min(row0 + r, rows - 1) * zWords;
    rowAt[r] = int(zRow1At + row);
    rowAt[SAMPLES + r] = int(zRow2At + row);
  }
  [[unroll]] for (int c = 0; c < 4; c++) {
    uint column = min(column0 + c, cols - 1) * zWords;
    columnAt[c] = int(zCol1At + column);
    columnAt[4 + c] = int(zCol2At + column);
  }
  products(rowAt, columnAt, int(zWords));
  [[unroll]] for (int r = 0; r < ROWS; r++) [[unroll]] for (int c = 0; c < 8; c++) product[r][c] *= invTau;
}

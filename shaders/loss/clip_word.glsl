// Word variant's tile of clip_fwd and clip_bwd: 8 rows (equal in all lanes) by 8 columns of this lane.
layout(local_size_x = 8) in;
#define ROWS 8
#define LOAD_ROW(r, at) texelFetch(xRows, at)
#define LOAD_COLUMN(c, at) texelFetch(yCols, at)
#include "tile_word.glsl"

void tile(uint row0, uint column0) {
  int xAt[ROWS];
  int yAt[8];
  [[unroll]] for (int r = 0; r < ROWS; r++) xAt[r] = int(rowAt + min(row0 + r, rows - 1) * words);
  [[unroll]] for (int c = 0; c < 8; c++) yAt[c] = int(colAt + min(column0 + c, cols - 1) * words);
  products(xAt, yAt, int(words));
  float scale = exp(logit_scale);
  [[unroll]] for (int r = 0; r < ROWS; r++) [[unroll]] for (int c = 0; c < 8; c++) product[r][c] *= scale;
}

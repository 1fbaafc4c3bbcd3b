// 16 rows (r,s,c) x 64 or 128 columns k per workgroup of 8 lanes, four pixels per step. x is read at an address equal in all lanes, dy COLUMNS vec4 per lane;
// all loads are texel fetches, no barriers. Where a tile lies in one tap, only pixels that the tap hits are visited.
#include "grid.glsl"
#include "conv2d_bwd_weight_params.glsl"
#define WORD
#include "quad.glsl"
#include "word_columns.glsl"
layout(constant_id = 0) const bool ONE_TAP = false;  // every tile of rows lies in one tap: C is a multiple of 16
READ_ACTIVATIONS(0, In, X);
READ_ACTIVATIONS(1, Gradient, Dy);
layout(std430, binding = 2) writeonly buffer Dw { vec4 dw[]; };

#define EACH_ROW4(F) F(0) F(1) F(2) F(3)
#define EACH_PIXEL(F) F(0) F(1) F(2) F(3)

void main() {
  int rows4 = R * S * C4, rowTiles = (rows4 + 3) / 4, columnTiles = (K4 + TILE_COLUMNS4 - 1) / TILE_COLUMNS4;
  int group = int(flat_group()), part = group / (rowTiles * columnTiles);
  if (part >= parts) return;
  int tile = group - part * rowTiles * columnTiles, column = tile / rowTiles, q0 = (tile - column * rowTiles) * 4;
  int k0 = column * TILE_COLUMNS4 + int(gl_LocalInvocationID.x) * COLUMNS, k[COLUMNS];
#define FIRST(i, j) k[j] = min(k0 + j, K4 - 1);
  EACH_COLUMN(FIRST, 0)
  vec4 acc[ROWS][COLUMNS], x[16], b[4][COLUMNS];
  int r[4], s[4], c[4];
#define CLEAR(i, j) acc[i][j] = vec4(0);
#define CLEAR_ROW(i) EACH_COLUMN(CLEAR, i)
  EACH_ROW(CLEAR_ROW)
#define SETUP(j) { int q4 = min(q0 + j, rows4 - 1), tap = q4 / C4; c[j] = q4 - tap * C4; r[j] = tap / S; s[j] = tap - r[j] * S; }
  EACH_ROW4(SETUP)
  ivec2 ps = hits(r[0], H, P), qs = hits(s[0], W, Q);
  if (!ONE_TAP) { ps = ivec2(0, P); qs = ivec2(0, Q); }
  int high = ps.y - ps.x, wide = qs.y - qs.x, total = N * high * wide, perPart = (total + parts - 1) / parts;
  int at = part * perPart, end = min(total, at + perPart);
  int line = at / max(wide, 1), q = at - line * wide + qs.x, n = line / max(high, 1), p = line - n * high + ps.x;
  if (at < end) {
    do {
      // Past the end the last pixel is read again, and counts nothing.
#define FETCH_X(u, j) { int iy = p * stride - pad + r[j], ix = q * stride - pad + s[j]; bool inside = ONE_TAP || (uint(iy) < uint(H) && uint(ix) < uint(W)); \
      vec4 v = ACTIVATION(X, mix(0, ((n * H + iy) * W + ix) * C4 + c[j], inside)); x[4 * u + j] = mix(vec4(0), v, bvec4(inside)); }
#define FETCH_DY(u, j) b[u][j] = mix(vec4(0), ACTIVATION(Dy, d + k[j]), bvec4(at + u < end));
#define FETCH(u) { int d = ((n * P + p) * Q + q) * K4; EACH_COLUMN(FETCH_DY, u) FETCH_X(u, 0) FETCH_X(u, 1) FETCH_X(u, 2) FETCH_X(u, 3) \
      q += int(at + u + 1 < end); bool wrapQ = q == qs.y; q = mix(q, qs.x, wrapQ); p += int(wrapQ); bool wrapP = p == ps.y; p = mix(p, ps.x, wrapP); n += int(wrapP); }
      EACH_PIXEL(FETCH)
#define TERM(i, j) acc[i][j] = acc[i][j] + x[i / 4][i % 4] * b[0][j] + x[4 + i / 4][i % 4] * b[1][j] + x[8 + i / 4][i % 4] * b[2][j] + x[12 + i / 4][i % 4] * b[3][j];
#define MULTIPLY(i) EACH_COLUMN(TERM, i)
      EACH_ROW(MULTIPLY)
      at += 4;
    } while (at < end);
  }
  int base = part * rows4 * 4;
  for (int j = 0; j < COLUMNS; j++) {
    if (k0 + j >= K4) continue;
#define PUT(i) if (q0 + i / 4 < rows4) dw[(base + q0 * 4 + i) * K4 + k0 + j] = acc[i][j];
    EACH_ROW(PUT)
  }
}

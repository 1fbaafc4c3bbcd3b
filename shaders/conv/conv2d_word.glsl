// Implicit GEMM for CPU drivers: 16 rows x 64 or 128 columns per workgroup of 8 lanes. The input is read at an address equal in all lanes, the weights
// COLUMNS vec4 per lane; all loads are texel fetches, no barriers. See shaders/REJECTED.md for the shapes that lost.
#include "grid.glsl"
#define IMAGES_FASTEST
#include "conv2d_params.glsl"
#define WORD
#include "quad.glsl"
#include "normalise.glsl"
#include "word_columns.glsl"
READ_ACTIVATIONS(0, In, X);       // [N,H,W,C]
READ_ACTIVATIONS(1, Weights, Wt);  // [taps,C,K]
READ_QUADS(2, ScaleAt, Scale);    // [K]
READ_QUADS(3, ShiftAt, Shift);
CHANGE_ACTIVATIONS(4, Out, y);
layout(std430, binding = 5) writeonly buffer Partials { vec4 partials[]; };  // [blocks,2,K]

void main() {
  int rowTiles = (M + ROWS - 1) / ROWS, columnTiles = (K4 + TILE_COLUMNS4 - 1) / TILE_COLUMNS4;
  int group = int(flat_group()), column = group / rowTiles, m0 = (group - column * rowTiles) * ROWS;
  if (column >= columnTiles) return;
  vec4 acc[ROWS][COLUMNS], b[4][COLUMNS];
  int top[ROWS], left[ROWS], image[ROWS], at[ROWS], wAt[COLUMNS], k[COLUMNS], k0 = column * TILE_COLUMNS4 + int(gl_LocalInvocationID.x) * COLUMNS;
  bool inside[ROWS];
  Pixel row = pixel_of(m0);
  // Taps that reach the image from any of the rows.
  ivec2 first = ivec2(S, R), last = ivec2(0);
#define CLEAR(i, j) acc[i][j] = vec4(0);
#define SETUP(i) EACH_COLUMN(CLEAR, i) top[i] = row.p * stride + y0; left[i] = row.q * stride + x0; image[i] = row.n * H; \
  first = min(first, max(ivec2(0), -ivec2(left[i], top[i]))); last = max(last, min(ivec2(S, R), ivec2(W, H) - ivec2(left[i], top[i]))); \
  row = next_pixel(row, m0 + i < M - 1);
  EACH_ROW(SETUP)
  // Columns past the last one compute a copy of it, and are not stored.
#define FIRST(i, j) k[j] = min(k0 + j, K4 - 1);
  EACH_COLUMN(FIRST, 0)
  ivec2 taps = max(last - first, ivec2(0));
  int r = first.y, s = first.x;
  for (int tap = 0; tap < taps.x * taps.y; tap++) {
#define WEIGHTS(i, j) wAt[j] = (r * S + s) * 4 * C4 * K4 + k[j];
    EACH_COLUMN(WEIGHTS, 0)
#define PLACE(i) { int iy = top[i] + r, ix = left[i] + s; inside[i] = uint(iy) < uint(H) && uint(ix) < uint(W); at[i] = inside[i] ? ((image[i] + iy) * W + ix) * C4 : 0; }
    EACH_ROW(PLACE)
    int c = 0;
    do {
#define FETCH(i, j) b[0][j] = ACTIVATION(Wt, wAt[j]); b[1][j] = ACTIVATION(Wt, wAt[j] + K4); b[2][j] = ACTIVATION(Wt, wAt[j] + 2 * K4); \
      b[3][j] = ACTIVATION(Wt, wAt[j] + 3 * K4); wAt[j] += 4 * K4;
      EACH_COLUMN(FETCH, 0)
#define TERM(i, j) acc[i][j] += (x.x * b[0][j] + x.y * b[1][j]) + (x.z * b[2][j] + x.w * b[3][j]);
#define MULTIPLY(i) { vec4 x = mix(vec4(0), ACTIVATION(X, at[i] + c), bvec4(inside[i])); EACH_COLUMN(TERM, i) }
      EACH_ROW(MULTIPLY)
    } while (++c < C4);
    s++;
    r += int(s == last.x);
    s = mix(s, first.x, s == last.x);
  }
  // Rows past the last one are copies of it and store the same values again; SUM_UP comes before all stores.
  row = pixel_of(m0);
#define TARGET(i) at[i] = out_texel(row); inside[i] = ADD == 1u || (ADD > 1u && adds_to(row)); row = next_pixel(row, m0 + i < M - 1);
  EACH_ROW(TARGET)
  int n = min(ROWS, M - m0);
  for (int j = 0; j < COLUMNS; j++) {
    if (k0 + j >= K4) continue;
    if (ON_STORE) {
      vec4 scale = texelFetch(Scale, k[j]), shift = texelFetch(Shift, k[j]);
#define NORMALISE(i) acc[i][j] = normalised(acc[i][j], scale, shift);
      EACH_ROW(NORMALISE)
    }
    if (ADD != 0u) {
#define SUM_UP(i) acc[i][j] += mix(vec4(0), LOAD(y, at[i] + k[j]), bvec4(inside[i]));
      EACH_ROW(SUM_UP)
    }
#define PUT(i) acc[i][j] = STORED(mix(acc[i][j], rectified(acc[i][j]), bvec4(NORM == 4u))); STORE(y, at[i] + k[j], acc[i][j]);
    EACH_ROW(PUT)
    if (STATISTICS) {
      vec4 mean = vec4(0), m2 = vec4(0);
#define SUM(i) mean += mix(vec4(0), acc[i][j], bvec4(i < n));
      EACH_ROW(SUM)
      mean /= float(n);
#define SQUARE(i) m2 += mix(vec4(0), (acc[i][j] - mean) * (acc[i][j] - mean), bvec4(i < n));
      EACH_ROW(SQUARE)
      int o = (firstBlock + m0 / ROWS) * 2 * K4 + k[j];
      partials[o] = mean;
      partials[o + K4] = m2;
    }
  }
}

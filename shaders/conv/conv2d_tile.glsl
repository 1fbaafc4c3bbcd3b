// Implicit GEMM with shared memory: 64 rows x 32 QUADS columns x 16 deep per workgroup of 64 invocations, 8 rows x 4 QUADS columns each. Depth is (tap, c)
// flattened, so a step may span taps where C < 16. Shared: 4 KiB + 2 KiB per QUADS.
#include "grid.glsl"
#include "quad.glsl"
#include "normalise.glsl"
#include "conv2d_params.glsl"
#define TILE_ID NEXT_ID
#include "gemm_tile.glsl"
READ_ACTIVATIONS(0, In, x);        // [N,H,W,C]
READ_ACTIVATIONS(1, Weights, w);   // [taps,C,K]
#ifdef NORM_SUMS
#include "norm_sums.glsl"
#define OUT 8
#else
READ_QUADS(2, Scale, scale);       // [C] or [K]
READ_QUADS(3, Shift, shift);
#define OUT 4
#endif
CHANGE_ACTIVATIONS(OUT, Out, y);
layout(std430, binding = OUT + 1) writeonly buffer Partials { vec4 partials[]; };  // [blocks,2,K]

vec4 fetch(Pixel row, int m, int depth4) {
  int tap = depth4 / C4, c = depth4 - tap * C4, r = tap / S;
  int iy = row.p * stride + y0 + r, ix = row.q * stride + x0 + tap - r * S;
  if (m >= M || r >= R || uint(iy) >= uint(H) || uint(ix) >= uint(W)) return vec4(0);
  vec4 a = ACTIVATION(x, ((row.n * H + iy) * W + ix) * C4 + c);
#ifdef NORM_SUMS
  return a;
#else
  if (ON_LOAD) a = normalised(a, scale[c], shift[c]);
  return NORM == 2u ? rectified(a) : a;
#endif
}

#include "conv2d_tile_out.glsl"

void main() {
  int rowTiles = (M + 63) / 64, columnTiles = (K4 + COLUMNS4 - 1) / COLUMNS4;
  int group = int(flat_group()), column = group / rowTiles, m0 = (group - column * rowTiles) * 64;
  if (column >= columnTiles) return;
  int t = int(gl_LocalInvocationIndex), rowGroup = t / 8, lane = t % 8;
  Pixel rows[4];
  for (int i = 0; i < 4; i++) rows[i] = pixel_of(min(m0 + t / 4 + 16 * i, M - 1));
  clear_sums();
  int depth4 = R * S * C4;
  for (int d = 0; d < depth4; d += 4) {
    for (int i = 0; i < 4; i++) store_a(t / 4 + 16 * i, t % 4, fetch(rows[i], m0 + t / 4 + 16 * i, d + t % 4));
    for (int i = 0; i < 2 * QUADS; i++) {
      int at = i * 64 + t, row = at / COLUMNS4, k4 = column * COLUMNS4 + at % COLUMNS4;
      tileB[at] = d + row / 4 < depth4 && k4 < K4 ? ACTIVATION(w, (4 * d + row) * K4 + k4) : vec4(0);
    }
    barrier();
    multiply_tiles(rowGroup, lane);
    barrier();
  }
  write_out(m0, column, rowGroup, lane);
}

// dw[r,s,c,k] = sum over n, p, q of x[n, p*stride - pad + r, q*stride - pad + s, c] * dy[n,p,q,k], for one part of the pixels.
// x: [N,H,W,C], dy: [N,P,Q,K], dw: [parts,R,S,C,K]. Dispatch: one workgroup of 64 invocations per 64 rows (r,s,c), 32 QUADS columns k and part, 16 pixels
// per step. Reads x R S / stride^2 times per 32 QUADS columns (from caches after the first), dy once per 64 rows; writes dw once per part. Shared: 4 KiB + 2 KiB per QUADS.
#include "grid.glsl"
#include "quad.glsl"
#define PROLOGUE_ID 0
#include "conv2d_bwd_weight_params.glsl"
#define TILE_ID 1
#include "gemm_tile.glsl"
READ_ACTIVATIONS(0, X, x);
READ_ACTIVATIONS(1, Dy, dy);
READ_QUADS(2, Scale, scale);
READ_QUADS(3, Shift, shift);
layout(std430, binding = 4) writeonly buffer Dw { vec4 dw[]; };

void main() {
  int rows4 = R * S * C4, rowTiles = (rows4 + 15) / 16, columnTiles = (K4 + COLUMNS4 - 1) / COLUMNS4;
  int group = int(flat_group()), part = group / (rowTiles * columnTiles);
  if (part >= parts) return;
  int tile = group - part * rowTiles * columnTiles, column = tile / rowTiles, rowTile = tile - column * rowTiles;
  int t = int(gl_LocalInvocationIndex), rowGroup = t / 8, lane = t % 8;
  // This invocation loads one vec4 of rows of pixels t/16, t/16 + 4, ...
  int q4 = rowTile * 16 + t % 16, tap = q4 / C4, c = q4 - tap * C4, r = tap / S, s = tap - r * S;
  vec4 gain = PROLOGUE == 0u || q4 >= rows4 ? vec4(1) : scale[c], offset = PROLOGUE == 0u || q4 >= rows4 ? vec4(0) : shift[c];
  int total = N * P * Q, perPart = (total + parts - 1) / parts, end = min(total, (part + 1) * perPart);
  clear_sums();
  for (int m0 = part * perPart; m0 < end; m0 += 16) {
    for (int i = 0; i < 4; i++) {
      int d = t / 16 + 4 * i, m = m0 + d, line = m / Q, n = line / P;
      int iy = (line - n * P) * stride - pad + r, ix = (m - line * Q) * stride - pad + s;
      bool inside = m < end && q4 < rows4 && uint(iy) < uint(H) && uint(ix) < uint(W);
      vec4 a = inside ? prologue(ACTIVATION(x, ((n * H + iy) * W + ix) * C4 + c), gain, offset) : vec4(0);
      for (int e = 0; e < 4; e++) tileA[d][4 * (t % 16) + e] = a[e];
    }
    for (int i = 0; i < 2 * QUADS; i++) {
      int at = i * 64 + t, m = m0 + at / COLUMNS4, k4 = column * COLUMNS4 + at % COLUMNS4;
      tileB[at] = m < end && k4 < K4 ? ACTIVATION(dy, m * K4 + k4) : vec4(0);
    }
    barrier();
    multiply_tiles(rowGroup, lane);
    barrier();
  }
  for (int i = 0; i < 8; i++) {
    int row = rowTile * 64 + rowGroup * 8 + i;
    for (int j = 0; j < QUADS; j++) {
      int k = column * COLUMNS4 + lane + 8 * j;
      if (row < 4 * rows4 && k < K4) dw[(part * rows4 * 4 + row) * K4 + k] = sum[i * QUADS + j];
    }
  }
}

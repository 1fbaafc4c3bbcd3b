// Implicit GEMM with shared memory: 64 rows x 32 QUADS columns x 16 deep per workgroup of 64 invocations, 8 rows x 4 QUADS columns each. Depth is (tap, c)
// flattened, so a step may span taps where C < 16. Shared: 4 KiB + 2 KiB per QUADS.
#include "grid.glsl"
#include "quad.glsl"
#include "normalise.glsl"
#include "conv2d_params.glsl"
#define TILE_ID 3
#include "gemm_tile.glsl"
READ_ACTIVATIONS(0, In, x);        // [N,H,W,C]
READ_ACTIVATIONS(1, Weights, w);   // [taps,C,K]
READ_QUADS(2, Scale, scale);       // [C]
READ_QUADS(3, Shift, shift);       // [C]
CHANGE_ACTIVATIONS(4, Out, y);
layout(std430, binding = 5) writeonly buffer Partials { vec4 partials[]; };  // [blocks,2,K]

vec4 fetch(Pixel row, int m, int depth4) {
  int tap = depth4 / C4, c = depth4 - tap * C4, r = tap / S;
  int iy = row.p * stride + y0 + r, ix = row.q * stride + x0 + tap - r * S;
  if (m >= M || r >= R || uint(iy) >= uint(H) || uint(ix) >= uint(W)) return vec4(0);
  vec4 a = ACTIVATION(x, ((row.n * H + iy) * W + ix) * C4 + c);
  if (PROLOGUE != 0u) a = normalised(a, scale[c], shift[c]);
  return PROLOGUE == 2u ? rectified(a) : a;
}

// (mean, M2) of the tile's columns, merged over the eight threads of a column in a fixed order. They go through the memory of tileB: means of row group g in
// its row g, M2 in its row 8 + g.
void statistics(int m0, int column, int rowGroup, int lane) {
  int n = clamp(M - m0 - rowGroup * 8, 0, 8);
  for (int j = 0; j < QUADS; j++) {
    vec4 mean = vec4(0), m2 = vec4(0);
    // Constant bounds: an index that depends on n would move the sums out of registers.
    for (int i = 0; i < 8; i++) mean += i < n ? sum[i * QUADS + j] : vec4(0);
    mean /= float(max(n, 1));
    for (int i = 0; i < 8; i++) {
      vec4 delta = i < n ? sum[i * QUADS + j] - mean : vec4(0);
      m2 += delta * delta;
    }
    tileB[rowGroup * COLUMNS4 + lane + 8 * j] = mean;
    tileB[(8 + rowGroup) * COLUMNS4 + lane + 8 * j] = m2;
  }
  barrier();
  int t = int(gl_LocalInvocationIndex), k = column * COLUMNS4 + t;
  if (t >= COLUMNS4 || k >= K4) return;
  vec4 mean = vec4(0), m2 = vec4(0);
  float count = 0.0;
  for (int g = 0; g < 8; g++) {
    float more = float(clamp(M - m0 - g * 8, 0, 8));
    if (more == 0.0) break;
    vec4 delta = tileB[g * COLUMNS4 + t] - mean;
    m2 += tileB[(8 + g) * COLUMNS4 + t] + delta * delta * (count * more / (count + more));
    count += more;
    mean += delta * (more / count);
  }
  int o = (firstBlock + m0 / 64) * 2 * K4 + k;
  partials[o] = mean;
  partials[o + K4] = m2;
}

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
  Pixel row = pixel_of(min(m0 + rowGroup * 8, M - 1));
  for (int i = 0; i < 8; i++) {
    for (int j = 0; j < QUADS; j++) {
      int k = column * COLUMNS4 + lane + 8 * j, o = out_texel(row) + k;
      if (m0 + rowGroup * 8 + i >= M || k >= K4) continue;
      if (ACCUMULATE) sum[i * QUADS + j] += LOAD(y, o);
      sum[i * QUADS + j] = STORED(sum[i * QUADS + j]);
      STORE(y, o, sum[i * QUADS + j]);
    }
    row = next_pixel(row, true);
  }
  if (STATISTICS) statistics(m0, column, rowGroup, lane);
}

// Implicit GEMM with shared memory: 64 rows x 64 columns x 16 deep per workgroup of 64 invocations, 8 x 8 results each. Depth is (tap, c) flattened, so a
// step may span taps where C < 16. Shared: 8 KiB for the operands, 4 KiB for the statistics.
#include "grid.glsl"
#include "conv2d_params.glsl"
#include "gemm_tile.glsl"
layout(std430, binding = 0) readonly buffer In { vec4 x[]; };          // [N,H,W,C]
layout(std430, binding = 1) readonly buffer Weights { vec4 w[]; };     // [taps,C,K]
layout(std430, binding = 2) readonly buffer Scale { vec4 scale[]; };   // [C]
layout(std430, binding = 3) readonly buffer Shift { vec4 shift[]; };   // [C]
layout(std430, binding = 4) buffer Out { vec4 y[]; };
layout(std430, binding = 5) writeonly buffer Partials { vec4 partials[]; };  // [blocks,2,K]
shared float sums[2][8][64];

vec4 fetch(Pixel row, int m, int depth4) {
  int tap = depth4 / C4, c = depth4 - tap * C4, r = tap / S;
  int iy = row.p * stride + y0 + r, ix = row.q * stride + x0 + tap - r * S;
  if (m >= M || r >= R || uint(iy) >= uint(H) || uint(ix) >= uint(W)) return vec4(0);
  vec4 a = x[((row.n * H + iy) * W + ix) * C4 + c];
  if (PROLOGUE != 0u) a = a * scale[c] + shift[c];
  return PROLOGUE == 2u ? max(a, vec4(0)) : a;
}

// (mean, M2) of the tile's columns, merged over the eight threads of a column in a fixed order.
void statistics(int m0, int column0, int rowGroup, int lane) {
  int n = clamp(M - m0 - rowGroup * 8, 0, 8);
  for (int j = 0; j < 8; j++) {
    float mean = 0.0, m2 = 0.0;
    // Constant bounds: an index that depends on n would move the sums out of registers.
    for (int i = 0; i < 8; i++) mean += i < n ? sum[i][j] : 0.0;
    mean /= float(max(n, 1));
    for (int i = 0; i < 8; i++) m2 += i < n ? (sum[i][j] - mean) * (sum[i][j] - mean) : 0.0;
    sums[0][rowGroup][tile_column(lane, j)] = mean;
    sums[1][rowGroup][tile_column(lane, j)] = m2;
  }
  barrier();
  int t = int(gl_LocalInvocationIndex), k = column0 + t * 4;
  if (t >= 16 || k >= 4 * K4) return;
  vec4 mean = vec4(0), m2 = vec4(0);
  float count = 0.0;
  for (int g = 0; g < 8; g++) {
    float more = float(clamp(M - m0 - g * 8, 0, 8));
    if (more == 0.0) break;
    vec4 other = vec4(sums[0][g][4 * t], sums[0][g][4 * t + 1], sums[0][g][4 * t + 2], sums[0][g][4 * t + 3]), delta = other - mean;
    m2 += vec4(sums[1][g][4 * t], sums[1][g][4 * t + 1], sums[1][g][4 * t + 2], sums[1][g][4 * t + 3]) + delta * delta * (count * more / (count + more));
    count += more;
    mean += delta * (more / count);
  }
  int o = (firstBlock + m0 / 64) * 2 * K4 + k / 4;
  partials[o] = mean;
  partials[o + K4] = m2;
}

void main() {
  int rowTiles = (M + 63) / 64, columnTiles = (K4 + 15) / 16;
  int group = int(flat_group()), column = group / rowTiles, m0 = (group - column * rowTiles) * 64;
  if (column >= columnTiles) return;
  int t = int(gl_LocalInvocationIndex), rowGroup = t / 8, lane = t % 8;
  Pixel rows[4];
  for (int i = 0; i < 4; i++) rows[i] = pixel_of(min(m0 + t / 4 + 16 * i, M - 1));
  clear_sums();
  int depth4 = R * S * C4, k4 = column * 16 + t % 16;
  for (int d = 0; d < depth4; d += 4) {
    for (int i = 0; i < 4; i++) {
      store_a(t / 4 + 16 * i, t % 4, fetch(rows[i], m0 + t / 4 + 16 * i, d + t % 4));
      int wrow = 4 * (d + i) + t / 16;
      tileB[4 * i + t / 16][t % 16] = d + i < depth4 && k4 < K4 ? w[wrow * K4 + k4] : vec4(0);
    }
    barrier();
    multiply_tiles(rowGroup, lane);
    barrier();
  }
  Pixel row = pixel_of(min(m0 + rowGroup * 8, M - 1));
  for (int i = 0; i < 8; i++) {
    for (int j = 0; j < 2; j++) {
      int k = column * 16 + tile_column(lane, 4 * j) / 4, o = out_texel(row) + k;
      if (m0 + rowGroup * 8 + i >= M || k >= K4) continue;
      vec4 v = vec4(sum[i][4 * j], sum[i][4 * j + 1], sum[i][4 * j + 2], sum[i][4 * j + 3]);
      if (ACCUMULATE) v += y[o];
      y[o] = v;
      sum[i][4 * j] = v.x; sum[i][4 * j + 1] = v.y; sum[i][4 * j + 2] = v.z; sum[i][4 * j + 3] = v.w;
    }
    row = next_pixel(row, true);
  }
  if (STATISTICS) statistics(m0, column * 64, rowGroup, lane);
}

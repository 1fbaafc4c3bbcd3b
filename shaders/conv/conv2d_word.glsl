// Implicit GEMM for CPU drivers: 16 rows x 64 columns per workgroup of 8 lanes; a lane owns two vec4 of columns. The input is read at an address equal in all
// lanes, the weights one vec4 per lane; all loads are texel fetches, no barriers. See shaders/REJECTED.md for the shapes that lost.
#include "grid.glsl"
#include "conv2d_params.glsl"
layout(local_size_x = 8) in;
layout(binding = 0) uniform samplerBuffer X;       // [N,H,W,C]
layout(binding = 1) uniform samplerBuffer Wt;      // [taps,C,K]
layout(binding = 2) uniform samplerBuffer Scale;   // [C]
layout(binding = 3) uniform samplerBuffer Shift;   // [C]
layout(std430, binding = 4) buffer Out { vec4 y[]; };
layout(std430, binding = 5) writeonly buffer Partials { vec4 partials[]; };  // [blocks,2,K]

const int ROWS = 16;
#define EACH_ROW(F) F(0) F(1) F(2) F(3) F(4) F(5) F(6) F(7) F(8) F(9) F(10) F(11) F(12) F(13) F(14) F(15)

vec4 prologue(vec4 a, vec4 scale, vec4 shift) {
  if (PROLOGUE == 0u) return a;
  a = a * scale + shift;
  return PROLOGUE == 2u ? max(a, vec4(0)) : a;
}

void main() {
  int rowTiles = (M + ROWS - 1) / ROWS, columnTiles = (K4 + 15) / 16;
  int group = int(flat_group()), column = group / rowTiles, m0 = (group - column * rowTiles) * ROWS;
  if (column >= columnTiles) return;
  int k0 = column * 16 + int(gl_LocalInvocationID.x) * 2;
  // Lanes past the last column compute a copy of it and store nothing.
  int ka = min(k0, K4 - 1), kb = min(k0 + 1, K4 - 1);
  vec4 a0[ROWS], a1[ROWS];
  int top[ROWS], left[ROWS], image[ROWS], at[ROWS];
  bool inside[ROWS];
  Pixel row = pixel_of(m0);
#define SETUP(i) a0[i] = vec4(0); a1[i] = vec4(0); top[i] = row.p * stride + y0; left[i] = row.q * stride + x0; image[i] = row.n * H; row = next_pixel(row, m0 + i < M - 1);
  EACH_ROW(SETUP)
  int wa = ka, wb = kb;
  for (int r = 0; r < R; r++) {
    for (int s = 0; s < S; s++) {
#define PLACE(i) { int iy = top[i] + r, ix = left[i] + s; \
      inside[i] = !PADDED || (uint(iy) < uint(H) && uint(ix) < uint(W)); \
      at[i] = inside[i] ? ((image[i] + iy) * W + ix) * C4 : 0; }
      EACH_ROW(PLACE)
      int c = 0;
      do {
        vec4 scale = PROLOGUE == 0u ? vec4(1) : texelFetch(Scale, c), shift = PROLOGUE == 0u ? vec4(0) : texelFetch(Shift, c);
        vec4 b00 = texelFetch(Wt, wa), b01 = texelFetch(Wt, wb), b10 = texelFetch(Wt, wa + K4), b11 = texelFetch(Wt, wb + K4);
        vec4 b20 = texelFetch(Wt, wa + 2 * K4), b21 = texelFetch(Wt, wb + 2 * K4), b30 = texelFetch(Wt, wa + 3 * K4), b31 = texelFetch(Wt, wb + 3 * K4);
#define MULTIPLY(i) { vec4 x = prologue(texelFetch(X, at[i] + c), scale, shift); if (PADDED) x = inside[i] ? x : vec4(0); \
        a0[i] = a0[i] + x.x * b00 + x.y * b10 + x.z * b20 + x.w * b30; \
        a1[i] = a1[i] + x.x * b01 + x.y * b11 + x.z * b21 + x.w * b31; }
        EACH_ROW(MULTIPLY)
        wa += 4 * K4; wb += 4 * K4;
      } while (++c < C4);
    }
  }
  int n = min(ROWS, M - m0);
  bool has0 = k0 < K4, has1 = k0 + 1 < K4;
  row = pixel_of(m0);
#define STORE(i) if (i < n) { int o = out_texel(row); \
    if (ACCUMULATE) { a0[i] += y[o + ka]; a1[i] += y[o + kb]; } \
    if (has0) y[o + k0] = a0[i]; \
    if (has1) y[o + k0 + 1] = a1[i]; } row = next_pixel(row, true);
  EACH_ROW(STORE)
  if (STATISTICS) {
    vec4 mean0 = vec4(0), mean1 = vec4(0), m20 = vec4(0), m21 = vec4(0);
#define SUM(i) if (i < n) { mean0 += a0[i]; mean1 += a1[i]; }
    EACH_ROW(SUM)
    mean0 /= float(n); mean1 /= float(n);
#define SQUARES(i) if (i < n) { m20 += (a0[i] - mean0) * (a0[i] - mean0); m21 += (a1[i] - mean1) * (a1[i] - mean1); }
    EACH_ROW(SQUARES)
    int o = (firstBlock + m0 / ROWS) * 2 * K4 + k0;
    if (has0) { partials[o] = mean0; partials[o + K4] = m20; }
    if (has1) { partials[o + 1] = mean1; partials[o + 1 + K4] = m21; }
  }
}

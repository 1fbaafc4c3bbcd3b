// Implicit GEMM on cooperative matrices, storage of 16 bits (fp16, with BF16 bfloat16): ROWS x COLUMNS results per workgroup (matrix_tile.glsl). Depth is (tap, c) flattened, in quads of 4; the next step's
// operands are on their way to registers while the matrices multiply. Out-of-range rows, columns and depth are zeros. Columns are the fastest in the grid: neighbours share rows of `x`.
#include "grid.glsl"
#include "quad.glsl"
#define FIRST_ID 9
#include "conv2d_params.glsl"
layout(constant_id = NEXT_ID) const uint OCTETS = 3u;  // 1: C is a multiple of 8; 2: K is. Then loads are 16 bytes wide.
#include "matrix_tile.glsl"
#include "normalise.glsl"
layout(std430, binding = 0) readonly buffer In { uvec2 x4[]; };          // [N,H,W,C]
layout(std430, binding = 0) readonly buffer InOctets { uvec4 x8[]; };
layout(std430, binding = 1) readonly buffer Weights { uvec2 w4[]; };     // [taps,C,K]
layout(std430, binding = 1) readonly buffer WeightsOctets { uvec4 w8[]; };
#ifdef NORM_SUMS
#undef STORAGE
#undef LOAD
#define STORAGE uvec2
#define LOAD(name, i) from_words(name[i])
#include "norm_sums.glsl"
#define OUT 8
#else
READ_QUADS(2, Scale, scale);                                             // [C] or [K]
READ_QUADS(3, Shift, shift);
#define OUT 4
#endif
layout(std430, binding = OUT) buffer Out { uvec2 y[]; };
layout(std430, binding = OUT + 1) writeonly buffer Partials { vec4 partials[]; };  // [blocks,2,K]

struct Row { int at, iy, ix; };  // under the first tap: quad of `x`, pixel of the image
struct Tap { int r, s, c; };     // c in quads
Row rows[LOADS_A];
Tap tap;
int depthB;                      // row of `w` that this invocation loads next
uvec4 nextA[LOADS_A], nextB[LOADS_B];
vec4 gain[2], offset[2];         // of the tap's octet of channels

Row row_of(int m) {
  Pixel a = pixel_of(min(m, M - 1));
  int iy = m < M ? a.p * stride + y0 : -65536, ix = a.q * stride + x0;
  return Row(((a.n * H + iy) * W + ix) * C4, iy, ix);
}

void advance(inout Tap t, int quads) {
  t.c += quads;
  while (t.c >= C4) {
    t.c -= C4;
    if (++t.s == S) {
      t.s = 0;
      t.r++;
    }
  }
}

uvec2 prologue(uvec2 words, int i) {
#ifdef NORM_SUMS
  return words;
#else
  if (!ON_LOAD) return words;
  vec4 a = normalised(from_words(words), gain[i], offset[i]);
  return to_words(NORM == 2u ? rectified(a) : a);
#endif
}

int quad_at(Row row, Tap t) {
  bool inside = t.r < R && uint(row.iy + t.r) < uint(H) && uint(row.ix + t.s) < uint(W);
  return inside ? row.at + (t.r * W + t.s) * C4 + t.c : -1;
}

uvec2 quad(Row row, Tap t, int i) {
  int at = quad_at(row, t);
  return at < 0 ? uvec2(0) : prologue(x4[at], i);
}

uvec4 octet(Row row, Tap t) {
  if ((OCTETS & 1u) != 0u) {
    int at = quad_at(row, t);
    if (at < 0) return uvec4(0);
    uvec4 words = x8[at >> 1];
    return uvec4(prologue(words.xy, 0), prologue(words.zw, 1));
  }
  Tap second = t;
  advance(second, 1);
  return uvec4(quad(row, t, 0), quad(row, second, 1));
}

uvec4 weights(int depth, int k) {
  if (depth >= R * S * C4 * 4 || k >= K4) return uvec4(0);
  int at = depth * K4 + k;
  if ((OCTETS & 2u) != 0u) return w8[at >> 1];
  return uvec4(w4[at], k + 1 < K4 ? w4[at + 1] : uvec2(0));
}

void load_next(int k0) {
  int t = int(gl_LocalInvocationIndex), octets = int(COLUMNS / 8);
#ifndef NORM_SUMS
  if (ON_LOAD)
    [[unroll]] for (int i = 0; i < 2; i++) {
      int c = tap.c + i < C4 ? tap.c + i : 0;
      gain[i] = scale[c];
      offset[i] = shift[c];
    }
#endif
  [[unroll]] for (uint i = 0; i < LOADS_A; i++) nextA[i] = octet(rows[i], tap);
  [[unroll]] for (uint i = 0; i < LOADS_B; i++) nextB[i] = weights(depthB + int(i * INVOCATIONS) / octets, k0 + t % octets * 2);
  advance(tap, int(DEPTH / 4));
  depthB += int(DEPTH);
}

void store_next() {
  uint t = gl_LocalInvocationIndex, octets = COLUMNS / 8;
  [[unroll]] for (uint i = 0; i < LOADS_A; i++) tile[(t / (DEPTH / 8) + i * (INVOCATIONS / (DEPTH / 8))) * PITCH_A + t % (DEPTH / 8)] = nextA[i];
  [[unroll]] for (uint i = 0; i < LOADS_B; i++) tile[SIZE_A + (t / octets + i * INVOCATIONS / octets) * PITCH_B + t % octets] = nextB[i];
}
#include "conv2d_matrix_out.glsl"

void main() {
  int columnTiles = (K4 * 4 + int(COLUMNS) - 1) / int(COLUMNS), group = int(flat_group());
  int m0 = group / columnTiles * int(ROWS), k0 = group % columnTiles * int(COLUMNS / 4), t = int(gl_LocalInvocationIndex);
  if (m0 >= M) return;
  [[unroll]] for (uint i = 0; i < LOADS_A; i++) rows[i] = row_of(m0 + t / int(DEPTH / 8) + int(i * (INVOCATIONS / (DEPTH / 8))));
  tap = Tap(0, 0, 0);
  advance(tap, t % int(DEPTH / 8) * 2);
  depthB = t / int(COLUMNS / 8);
  clear_sums();
  load_next(k0);
  for (int d = 0; d < R * S * C4; d += int(DEPTH / 4)) {
    store_next();
    barrier();
    load_next(k0);
    multiply_tiles();
    barrier();
  }
  write_out(m0, k0);
}

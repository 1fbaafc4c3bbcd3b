// Implicit GEMM on cooperative matrices, storage of 16 bits (fp16, with BF16 bfloat16): ROWS x COLUMNS results per workgroup (matrix_tile.glsl). Depth is (tap, c) flattened, in quads of 4, or with ONE_TAP
// (DEPTH channels, tap): a step's pixels are mostly the last one's. The next step's operands are on their way to registers while the matrices multiply. Taps outside of the image and depth past the end are
// zeros; rows and columns past the end repeat the last, and are not stored.
// Columns are the fastest in the grid: neighbours share rows of `x`.
#include "grid.glsl"
#include "quad.glsl"
#define FIRST_ID 9
#include "conv2d_params.glsl"
// 1: C is a multiple of 8; 2: K is: then accesses are 16 bytes wide. 4: C is a multiple of 64, so that all of a step is under one tap. 8: one tap without stride or padding, a plain product.
// 16: rows of `y` are in the order of its memory.
layout(constant_id = NEXT_ID) const uint SHAPE = 3u;
#define HAS_PAIRS
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
layout(std430, binding = 2) readonly buffer NormXOctets { uvec4 normX8[]; };
layout(std430, binding = 3) readonly buffer NormYOctets { uvec4 normY8[]; };
#ifdef SECOND  // The sum goes on over a second input, of as many channels as the result has, a multiple of 32; SHAPE has 1, 2, 4 and 8.
layout(std430, binding = 8) readonly buffer Second { uvec4 second8[]; };       // as the result
READ_QUADS(9, Offset, offsetOut);                                        // [K], added to the sum
#define OUT 10
#else
#define OUT 8
#endif
#else
READ_QUADS(2, Scale, scale);                                             // [C] or [K]
READ_QUADS(3, Shift, shift);
#ifdef RESIDUAL
layout(std430, binding = 4) readonly buffer Residual { uvec2 residual4[]; };  // as the result
layout(std430, binding = 4) readonly buffer ResidualOctets { uvec4 residual8[]; };
READ_QUADS(5, ResidualScale, residualScale);                             // [K]
READ_QUADS(6, ResidualShift, residualShift);
layout(std430, binding = 8) writeonly buffer Signs { uint16_t signs[]; };  // as norm/batchnorm_fwd.glsl leaves them, by half words: a subgroup may have 16 columns
#define OLD4 residual4
#define OLD8 residual8
#define OUT 7
#else
#define OUT 4
#endif
#endif
#ifndef RESIDUAL
#define OLD4 y4
#define OLD8 y8
layout(std430, binding = OUT + 1) writeonly buffer Partials { vec4 partials[]; };  // [blocks,2,K]
#endif
layout(std430, binding = OUT) buffer Out { uvec2 y4[]; };
layout(std430, binding = OUT) buffer OutOctets { uvec4 y8[]; };
const bool C_OCTETS = (SHAPE & 1u) != 0u, K_OCTETS = (SHAPE & 2u) != 0u, ONE_TAP = (SHAPE & 4u) != 0u, PLAIN = (SHAPE & 8u) != 0u, IN_ORDER = (SHAPE & 16u) != 0u;

struct Row { int at, iy, ix; };  // under the first tap: quad of `x`, with ONE_TAP this invocation's within a step; pixel of the image, with SECOND iy is the second input's quad
struct Tap { int r, s, c; };     // c in quads
Row rows[LOADS_A];
Tap tap, wayOfStep;              // with ONE_TAP the step's, else of this invocation's next octet; the way from step to step
int laneC;                       // quad of this invocation's octet within a step
int laneB, depthB, columnB;      // row within a step, row and column (in quads) of `w` that this invocation loads next
uvec4 nextA[LOADS_A], nextB[LOADS_B];
vec4 gain[2], offset[2];         // of the octet of channels

Row row_of(int m) {
  m = min(m, M - 1);
#ifdef SECOND
  return Row(m * C4 + laneC, m * K4 + laneC, 0);
#endif
  if (PLAIN) return Row(m * C4 + (ONE_TAP ? laneC : 0), 0, 0);
  Pixel a = pixel_of(m);
  int iy = a.p * stride + y0, ix = a.q * stride + x0;
  return Row(((a.n * H + iy) * W + ix) * C4 + (ONE_TAP ? laneC : 0), iy, ix);
}

Tap after(Tap t, Tap way) {
  t.c += way.c;
  if (t.c >= C4) {
    t.c -= C4;
    t.s++;
  }
  t.s += way.s;
  if (t.s >= S) {
    t.s -= S;
    t.r++;
  }
  return Tap(t.r + way.r, t.s, t.c);
}

// The tap so many quads behind the first.
Tap tap_of(int quads) {
  int t = quads / C4;
  return Tap(t / S, t % S, quads % C4);
}

void advance_step() {
  if (!ONE_TAP) {
    tap = after(tap, wayOfStep);
    depthB += int(DEPTH);
    return;
  }
  if (++tap.s == S) {
    tap.s = 0;
    if (++tap.r == R) {
      tap.r = 0;
      tap.c += int(DEPTH / 4);
    }
  }
  depthB = ((tap.r * S + tap.s) * C4 + tap.c) * 4 + laneB;
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
  if (PLAIN && ONE_TAP) return row.at + t.c;
  bool inside = t.r < R && uint(row.iy + t.r) < uint(H) && uint(row.ix + t.s) < uint(W);
  return inside ? row.at + (t.r * W + t.s) * C4 + t.c : -1;
}

uvec2 quad(Row row, Tap t, int i) {
  int at = quad_at(row, t);
  return at < 0 ? uvec2(0) : prologue(x4[at], i);
}

uvec4 octet(Row row, Tap t) {
#ifdef SECOND
  return t.c < C4 ? x8[(row.at + t.c) >> 1] : second8[(row.iy + t.c - C4) >> 1];
#endif
  if (C_OCTETS) {
    int at = quad_at(row, t);
    if (at < 0) return uvec4(0);
    uvec4 words = x8[at >> 1];
    return uvec4(prologue(words.xy, 0), prologue(words.zw, 1));
  }
  return uvec4(quad(row, t, 0), quad(row, after(t, Tap(0, 0, 1)), 1));
}

uvec4 weights(int depth) {
  if (!ONE_TAP && depth >= R * S * C4 * 4) return uvec4(0);
  int at = depth * K4 + columnB;
  if (K_OCTETS) return w8[at >> 1];
  return uvec4(w4[at], columnB + 1 < K4 ? w4[at + 1] : uvec2(0));
}

void load_next() {
#ifndef NORM_SUMS
  if (ON_LOAD)
    [[unroll]] for (int i = 0; i < 2; i++) {
      int c = tap.c + (ONE_TAP ? laneC : 0) + i;
      gain[i] = scale[c < C4 ? c : 0];
      offset[i] = shift[c < C4 ? c : 0];
    }
#endif
  [[unroll]] for (uint i = 0; i < LOADS_A; i++) nextA[i] = octet(rows[i], tap);
  [[unroll]] for (uint i = 0; i < LOADS_B; i++) nextB[i] = weights(depthB + int(i * INVOCATIONS / (COLUMNS / 8)));
  advance_step();
}

// Row of the tile that an invocation loads first: eight neighbours, whose stores go together, have 64 / DEPTH rows that lie in different banks.
uint first_row() {
  uint i = gl_LocalInvocationIndex / (DEPTH / 8), together = 64 / DEPTH;
  return (i & ~7u) + i % together * (DEPTH / 8) + i / together % (DEPTH / 8);
}

void store_next() {
  uint t = gl_LocalInvocationIndex, octets = COLUMNS / 8;
  [[unroll]] for (uint i = 0; i < LOADS_A; i++) tile[(first_row() + i * (INVOCATIONS / (DEPTH / 8))) * PITCH_A + t % (DEPTH / 8)] = nextA[i];
  [[unroll]] for (uint i = 0; i < LOADS_B; i++) tile[SIZE_A + (t / octets + i * INVOCATIONS / octets) * PITCH_B + t % octets] = nextB[i];
}
#include "conv2d_matrix_out.glsl"

void main() {
  int columnTiles = (K4 * 4 + int(COLUMNS) - 1) / int(COLUMNS), group = int(flat_group());
  int m0 = group / columnTiles * int(ROWS), k0 = group % columnTiles * int(COLUMNS / 4), t = int(gl_LocalInvocationIndex);
  if (m0 >= M) return;
  laneC = t % int(DEPTH / 8) * 2;
  tap = ONE_TAP ? Tap(0, 0, 0) : tap_of(laneC);
  wayOfStep = tap_of(int(DEPTH / 4));
  [[unroll]] for (uint i = 0; i < LOADS_A; i++) rows[i] = row_of(m0 + int(first_row() + i * (INVOCATIONS / (DEPTH / 8))));
  laneB = t / int(COLUMNS / 8);
  depthB = laneB;
  columnB = min(k0 + t % int(COLUMNS / 8) * 2, (K4 - 1) & (K_OCTETS ? -2 : -1));
  clear_sums();
  load_next();
  store_next();
  barrier();
#ifdef SECOND
  int steps = (C4 + K4) / int(DEPTH / 4);
#else
  int steps = (R * S * C4 + int(DEPTH / 4) - 1) / int(DEPTH / 4);
#endif
  // Without a branch in a step, so that the compiler can put loads and their addresses between the products; under several taps, where these are more work, they begin behind the first.
  for (int step = 1; step < steps; step++) {
    if (PLAIN) load_next();
    multiply_tiles(0, MATRIX_K);
    if (!PLAIN) load_next();
    multiply_tiles(MATRIX_K, DEPTH);
    barrier();
    store_next();
    barrier();
  }
  multiply_last();
  barrier();
  write_out(m0, k0);
}

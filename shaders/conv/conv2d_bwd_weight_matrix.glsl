// The weight gradient on cooperative matrices, storage of 16 bits (fp16, with BF16 bfloat16): ROWS rows (r,s,c) x COLUMNS columns k per workgroup (matrix_tile.glsl), summed over one part of the pixels, DEPTH pixels a step.
// The next step's operands are on their way to registers while the matrices multiply. Rows, columns and pixels out of range are zeros.
#include "grid.glsl"
#include "quad.glsl"
#define PROLOGUE_ID 9
#include "conv2d_bwd_weight_params.glsl"
// 1: C is a multiple of 8; 2: K is: then loads are 16 bytes wide. 4: C is a multiple of 64: rows are (64 channels, tap, channel), so that the taps of a tile read the same pixels. 8: one tap without stride or padding, a plain product.
layout(constant_id = 10) const uint SHAPE = 3u;
#define A_BY_COLUMNS
#include "matrix_tile.glsl"
layout(std430, binding = 0) readonly buffer X { uvec2 x4[]; };
layout(std430, binding = 0) readonly buffer XOctets { uvec4 x8[]; };
layout(std430, binding = 1) readonly buffer Dy { uvec2 dy4[]; };
layout(std430, binding = 1) readonly buffer DyOctets { uvec4 dy8[]; };
READ_QUADS(2, Scale, scale);
READ_QUADS(3, Shift, shift);
layout(std430, binding = 4) writeonly buffer Dw { vec4 dw[]; };
const bool C_OCTETS = (SHAPE & 1u) != 0u, K_OCTETS = (SHAPE & 2u) != 0u, BLOCKS = (SHAPE & 4u) != 0u, PLAIN = (SHAPE & 8u) != 0u;

struct Tap { int r, s, c; };         // under one quad of rows; c in quads, -1 past the last row
struct Pixel { int m, n, p, q; };    // of dy; m counts them
Tap taps[2];                         // of this invocation's octet of rows
Pixel pixels[LOADS_A], strideStep;     // of its loads, and the way from step to step
int end;                             // of this part's pixels
uvec4 nextA[LOADS_A], nextB[LOADS_B];
vec4 gain[2], offset[2];             // of the octet's channels

Tap tap_of(int row4) {
  if (row4 >= R * S * C4) return Tap(0, 0, -1);
  if (BLOCKS) {
    int block = row4 / 16, tap = block % (R * S);
    return Tap(tap / S, tap % S, block / (R * S) * 16 + row4 % 16);
  }
  int tap = row4 / C4;
  return Tap(tap / S, tap % S, row4 - tap * C4);
}

// Row of dw, in (tap, c), of a row here.
int row_of_dw(int row) {
  if (!BLOCKS) return row;
  int block = row / 64, tap = block % (R * S);
  return tap * 4 * C4 + block / (R * S) * 64 + row % 64;
}

Pixel pixel_of(int m) {
  if (PLAIN) return Pixel(m, 0, 0, 0);
  return Pixel(m, m / Q / P, m / Q % P, m % Q);
}

Pixel after(Pixel a, Pixel b) {
  Pixel sum = Pixel(a.m + b.m, a.n + b.n, a.p + b.p, a.q + b.q);
  if (PLAIN) return sum;
  if (sum.q >= Q) {
    sum.q -= Q;
    sum.p++;
  }
  if (sum.p >= P) {
    sum.p -= P;
    sum.n++;
  }
  return sum;
}

int quad_at(Pixel a, Tap t) {
  if (PLAIN) return t.c >= 0 && a.m < end ? a.m * C4 + t.c : -1;
  int iy = a.p * stride - pad + t.r, ix = a.q * stride - pad + t.s;
  return t.c >= 0 && a.m < end && uint(iy) < uint(H) && uint(ix) < uint(W) ? ((a.n * H + iy) * W + ix) * C4 + t.c : -1;
}

uvec2 prologue(uvec2 words, int i) { return PROLOGUE == 0u ? words : to_words(prologue(from_words(words), gain[i], offset[i])); }

uvec2 quad(Pixel a, int i) {
  int at = quad_at(a, taps[i]);
  return at < 0 ? uvec2(0) : prologue(x4[at], i);
}

uvec4 octet(Pixel a) {
  if (!C_OCTETS) return uvec4(quad(a, 0), quad(a, 1));
  int at = quad_at(a, taps[0]);
  if (at < 0) return uvec4(0);
  uvec4 words = x8[at >> 1];
  return uvec4(prologue(words.xy, 0), prologue(words.zw, 1));
}

uvec4 gradient(int m, int k) {
  if (m >= end || k >= K4) return uvec4(0);
  int at = m * K4 + k;
  if (K_OCTETS) return dy8[at >> 1];
  return uvec4(dy4[at], k + 1 < K4 ? dy4[at + 1] : uvec2(0));
}

void load_next(int m0, int k0) {
  int t = int(gl_LocalInvocationIndex), octets = int(COLUMNS / 8);
  [[unroll]] for (uint i = 0; i < LOADS_A; i++) {
    nextA[i] = octet(pixels[i]);
    pixels[i] = after(pixels[i], strideStep);
  }
  [[unroll]] for (uint i = 0; i < LOADS_B; i++) nextB[i] = gradient(m0 + (t + int(i * INVOCATIONS)) / octets, k0 + t % octets * 2);
}

void store_next() {
  uint t = gl_LocalInvocationIndex, rows = ROWS / 8, columns = COLUMNS / 8;
  [[unroll]] for (uint i = 0; i < LOADS_A; i++) tile[(t + i * INVOCATIONS) / rows * PITCH_A + t % rows] = nextA[i];
  [[unroll]] for (uint i = 0; i < LOADS_B; i++) tile[SIZE_A + (t + i * INVOCATIONS) / columns * PITCH_B + t % columns] = nextB[i];
}

void write_out(int part, int row0, int k0) {
  int rows = 4 * R * S * C4;
  [[unroll]] for (uint x = 0; x < STRIPS; x++)
    [[unroll]] for (uint i = 0; i < WM; i++) {
      stage_strip(i, x);
      subgroupBarrier();
      int k = k0 + int(staged_octet(x)) * 2;
      [[unroll]] for (uint r = 0; r < STRIP_ROWS; r++) {
        int row = row0 + int(strip_row(i) + staged_row() + r * ROW_STEP), at = (part * rows + row_of_dw(row)) * K4 + k;
        Octet v = staged(staged_row() + r * ROW_STEP);
        if (row < rows && k < K4) dw[at] = v.low;
        if (row < rows && k + 1 < K4) dw[at + 1] = v.high;
      }
      subgroupBarrier();
    }
}

void main() {
  int rowTiles = (4 * R * S * C4 + int(ROWS) - 1) / int(ROWS), columnTiles = (4 * K4 + int(COLUMNS) - 1) / int(COLUMNS);
  int group = int(flat_group()), part = group / (rowTiles * columnTiles), t = int(gl_LocalInvocationIndex), octets = int(ROWS / 8);
  if (part >= parts) return;
  int at = group - part * rowTiles * columnTiles, row0 = at / columnTiles * int(ROWS), k0 = at % columnTiles * int(COLUMNS / 4);
  int total = N * P * Q, perPart = (total + parts - 1) / parts;
  end = min(total, (part + 1) * perPart);
  [[unroll]] for (int i = 0; i < 2; i++) {
    taps[i] = tap_of(row0 / 4 + t % octets * 2 + i);
    if (PROLOGUE != 0u) {
      gain[i] = scale[max(taps[i].c, 0)];
      offset[i] = shift[max(taps[i].c, 0)];
    }
  }
  [[unroll]] for (uint i = 0; i < LOADS_A; i++) pixels[i] = pixel_of(part * perPart + (t + int(i * INVOCATIONS)) / octets);
  strideStep = pixel_of(int(DEPTH));
  clear_sums();
  int first = part * perPart, steps = (end - first + int(DEPTH) - 1) / int(DEPTH);
  load_next(first, k0);
  store_next();
  barrier();
  // Without a branch in a step, and in this order, for the reasons in conv2d_matrix.glsl.
  for (int step = 1; step < steps; step++) {
    if (PLAIN) load_next(first + step * int(DEPTH), k0);
    multiply_tiles(0, MATRIX_K);
    if (!PLAIN) load_next(first + step * int(DEPTH), k0);
    multiply_tiles(MATRIX_K, DEPTH);
    barrier();
    store_next();
    barrier();
  }
  multiply_last();
  barrier();
  write_out(part, row0, k0);
}

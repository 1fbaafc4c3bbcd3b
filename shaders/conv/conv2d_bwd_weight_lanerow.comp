// dw[r,s,c,k] = sum over n, p, q of x[n, p*stride - pad + r, q*stride - pad + s, c] * dy[n,p,q,k].  x: [N,H,W,C], dy: [N,P,Q,K], dw: [parts,R,S,C,K]
// For CPU drivers whose compilers know what is equal in all lanes (conv2d_lanerow.glsl): one row (r,s,c) per lane, 4 * COLUMNS4 columns k in its registers, dy through pointers.
// A pointer per pixel, to which columns are constant offsets: with one pointer and indices the compiler takes the terms pixel by pixel, and loads and stores each sum for every term.
// Dispatch: one workgroup per part, 64 rows and tile of columns. Reads x R S / stride^2 times per tile of columns (from caches after the first), dy once per 64 rows; writes dw once.
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_control_flow_attributes : require
#include "grid.glsl"
layout(local_size_x = 64) in;
layout(buffer_reference, std430, buffer_reference_align = 16) readonly buffer Gradient { vec4 v[32]; };  // of [N,P,Q,K]: COLUMNS4 of a pixel
#define POINTERS Gradient dy;
#include "conv2d_bwd_weight_params.glsl"
#include "quad64.glsl"
layout(constant_id = 0) const bool ONE_TAP = false;  // every tile of rows lies in one tap: C is a multiple of 64
layout(constant_id = 1) const bool PLAIN = false;    // pixels of x are those of dy: one tap, nothing strided or padded
layout(constant_id = 2) const int COLUMNS4 = 16;     // at most K4 and 32
layout(std430, binding = 0) readonly buffer In { float x[]; };
layout(std430, binding = 1) writeonly buffer Dw { u64vec2 dw[]; };
const int STEP = 8;  // pixels of a turn of the loop

// Adds the products of `count` pixels, of which the first is number `at` of those that the tap hits: wide of a line, high lines of an image.
#define ADD_PIXELS(count) { \
  int line = at / wide, n = line / high, p = line - n * high + ps.x, q = at - line * wide + qs.x; \
  float v[count]; \
  Gradient d[count]; \
  [[unroll]] for (int u = 0; u < count; u++) { \
    int iy = p * stride - pad + r, ix = q * stride - pad + s, from = at + u, pixel = at + u; \
    bool inside = PLAIN || ONE_TAP || (uint(iy) < uint(H) && uint(ix) < uint(W)); \
    if (!PLAIN) { \
      from = inside ? (n * H + iy) * W + ix : 0; \
      pixel = (n * P + p) * Q + q; \
    } \
    float value = x[from * 4 * C4 + c]; \
    v[u] = inside ? value : 0.0; \
    d[u] = Gradient(uint64_t(dy) + 16ul * uint64_t(pixel * K4 + k0)); \
    bool lineEnds = ++q == qs.y, imageEnds = lineEnds && p + 1 == ps.y; \
    q = lineEnds ? qs.x : q; \
    p = imageEnds ? ps.x : p + int(lineEnds); \
    n += int(imageEnds); \
  } \
  [[unroll]] for (int j = 0; j < COLUMNS4; j++) \
    [[unroll]] for (int u = 0; u < count; u++) acc[j] = fma(vec4(v[u]), d[u].v[j], acc[j]); \
  at += count; \
}

void main() {
  int C = 4 * C4, rows = R * S * C, rowTiles = (rows + 63) / 64, columnTiles = (K4 + COLUMNS4 - 1) / COLUMNS4;
  int group = int(flat_group()), part = group / (rowTiles * columnTiles), tile = group - part * rowTiles * columnTiles, column = tile / rowTiles;
  int row0 = (tile - column * rowTiles) * 64, row = row0 + int(gl_LocalInvocationID.x);
  if (part >= parts || row >= rows) return;
  // All parts but the last are whole turns. The last tile begins early enough to be whole, and stores what is its own.
  int k0 = min(column * COLUMNS4, K4 - COLUMNS4), tap = PLAIN ? 0 : (ONE_TAP ? row0 : row) / C, c = row - tap * C, r = tap / S, s = tap - r * S;
  ivec2 ps = ivec2(0, P), qs = ivec2(0, Q);
  if (ONE_TAP && !PLAIN) {
    ps = hits(r, H, P);
    qs = hits(s, W, Q);
  }
  int high = ps.y - ps.x, wide = qs.y - qs.x, total = N * high * wide, perPart = ((total + parts - 1) / parts + STEP - 1) / STEP * STEP, at = part * perPart, end = min(total, at + perPart);
  vec4 acc[COLUMNS4];
  [[unroll]] for (int j = 0; j < COLUMNS4; j++) acc[j] = vec4(0);
  if (at + STEP <= end) {
    do ADD_PIXELS(STEP) while (at + STEP <= end);
  }
  if (at < end) {
    do ADD_PIXELS(1) while (at < end);
  }
  int o = (part * rows + row) * K4 + k0;
  [[unroll]] for (int j = 0; j < COLUMNS4; j++)
    if (k0 + j >= column * COLUMNS4) dw[o + j] = words_of(acc[j]);
}

// dw[r,s,c,k] = sum over n, p, q of x[n, p*stride - pad + r, q*stride - pad + s, c] * dy[n,p,q,k].  x: [N,H,W,C], dy: [N,P,Q,K], dw: [parts,R,S,C,K]
// For CPU drivers whose compilers know what is equal in all lanes (conv2d_lanerow.glsl): one row (r,s,c) per lane, 4 * COLUMNS4 columns k in its registers, dy through a pointer.
// A pointer per pixel, to which columns are constant offsets: with one pointer and indices the compiler takes the terms pixel by pixel, and loads and stores each sum for every term.
// Dispatch: one workgroup per part, 64 rows and tile of columns. Reads x R S / stride^2 times per tile of columns (from caches after the first), dy once per 64 rows; writes dw once.
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_EXT_shader_explicit_arithmetic_types_int64 : require
#include "grid.glsl"
layout(local_size_x = 64) in;
layout(buffer_reference, std430, buffer_reference_align = 16) readonly buffer Gradient { vec4 v[16]; };  // of [N,P,Q,K]: COLUMNS4 of a pixel
#define POINTERS Gradient dy;
#include "conv2d_bwd_weight_params.glsl"
layout(constant_id = 0) const bool ONE_TAP = false;  // every tile of rows lies in one tap: C is a multiple of 64
layout(constant_id = 1) const int COLUMNS4 = 16;     // at most K4 and 16
layout(std430, binding = 0) readonly buffer In { float x[]; };
layout(std430, binding = 1) writeonly buffer Dw { vec4 dw[]; };
const int STEP = 8;  // pixels of one turn of the loop

void main() {
  int C = 4 * C4, rows = R * S * C, rowTiles = (rows + 63) / 64, columnTiles = (K4 + COLUMNS4 - 1) / COLUMNS4;
  int group = int(flat_group()), part = group / (rowTiles * columnTiles), tile = group - part * rowTiles * columnTiles, column = tile / rowTiles;
  int row0 = (tile - column * rowTiles) * 64, row = row0 + int(gl_LocalInvocationID.x), tap0 = row0 / C;
  if (part >= parts || row >= rows) return;
  // The last tile begins early enough to be whole, and stores what is its own.
  int k0 = min(column * COLUMNS4, K4 - COLUMNS4), tap = row / C, c = row - tap * C, r = tap / S, s = tap - r * S;
  ivec2 ps = ONE_TAP ? hits(tap0 / S, H, P) : ivec2(0, P), qs = ONE_TAP ? hits(tap0 % S, W, Q) : ivec2(0, Q);
  int high = ps.y - ps.x, wide = qs.y - qs.x, total = N * high * wide, perPart = (total + parts - 1) / parts, at = part * perPart, end = min(total, at + perPart);
  int line = at / max(wide, 1), q = at - line * wide + qs.x, n = line / max(high, 1), p = line - n * high + ps.x;
  vec4 acc[COLUMNS4];
  [[unroll]] for (int j = 0; j < COLUMNS4; j++) acc[j] = vec4(0);
  if (at < end) {
    do {
      float v[STEP];
      Gradient d[STEP];
      // Past the end the last pixel is read again, and counts nothing.
      [[unroll]] for (int u = 0; u < STEP; u++) {
        int iy = p * stride - pad + r, ix = q * stride - pad + s;
        bool inside = ONE_TAP || (uint(iy) < uint(H) && uint(ix) < uint(W));
        float value = x[inside ? ((n * H + iy) * W + ix) * C + c : 0];
        v[u] = inside && at + u < end ? value : 0.0;
        d[u] = Gradient(uint64_t(dy) + 16ul * uint64_t(((n * P + p) * Q + q) * K4 + k0));
        q += int(at + u + 1 < end);
        bool wrapQ = q == qs.y;
        q = wrapQ ? qs.x : q;
        p += int(wrapQ);
        bool wrapP = p == ps.y;
        p = wrapP ? ps.x : p;
        n += int(wrapP);
      }
      [[unroll]] for (int j = 0; j < COLUMNS4; j++)
        [[unroll]] for (int u = 0; u < STEP; u++) acc[j] = fma(vec4(v[u]), d[u].v[j], acc[j]);
      at += STEP;
    } while (at < end);
  }
  int o = (part * rows + row) * K4 + k0;
  [[unroll]] for (int j = 0; j < COLUMNS4; j++)
    if (k0 + j >= column * COLUMNS4) dw[o + j] = acc[j];
}

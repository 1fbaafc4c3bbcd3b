// dw[r,s,c,k] = sum over n, p, q of x[n, p*stride - pad + r, q*stride - pad + s, c] * dy[n,p,q,k], for one part of the pixels.
// x: [N,H,W,C], dy: [N,P,Q,K], dw: [parts,R,S,C,K]. Variant for CPU drivers: 16 rows (r,s,c) x 64 columns k per workgroup of 8 lanes, two vec4 of columns
// per lane, four pixels per step; all loads are texel fetches (x at an address equal in all lanes). Where a tile lies in one tap, only pixels that the tap
// hits are visited. Dispatch: one workgroup per 16 rows, 64 columns and part. Reads x once per 64 columns, dy once per 16 rows; writes dw once per part.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "grid.glsl"
#include "conv2d_bwd_weight_params.glsl"
layout(local_size_x = 8) in;
layout(constant_id = 1) const bool ONE_TAP = false;  // every tile of rows lies in one tap: C is a multiple of 16
layout(binding = 0) uniform samplerBuffer X;
layout(binding = 1) uniform samplerBuffer Dy;
layout(binding = 2) uniform samplerBuffer Scale;
layout(binding = 3) uniform samplerBuffer Shift;
layout(std430, binding = 4) writeonly buffer Dw { vec4 dw[]; };

#define EACH_ROW4(F) F(0) F(1) F(2) F(3)
#define EACH_PIXEL(F) F(0) F(1) F(2) F(3)

// First and last + 1 grid index whose pixel i*stride - pad + tap lies in [0, size).
ivec2 hits(int tap, int size, int grid) {
  int lo = max(0, (pad - tap + stride - 1) / stride), last = size - 1 + pad - tap;
  return ivec2(lo, max(lo, last < 0 ? 0 : min(grid, last / stride + 1)));
}

void main() {
  int rows4 = R * S * C4, rowTiles = (rows4 + 3) / 4, columnTiles = (K4 + 15) / 16;
  int group = int(flat_group()), part = group / (rowTiles * columnTiles);
  if (part >= parts) return;
  int tile = group - part * rowTiles * columnTiles, column = tile / rowTiles, q0 = (tile - column * rowTiles) * 4;
  int k0 = column * 16 + int(gl_LocalInvocationID.x) * 2, ka = min(k0, K4 - 1), kb = min(k0 + 1, K4 - 1);
  int r[4], s[4], c[4];
  vec4 scale[4], shift[4], a0[16], a1[16];
#define SETUP(j) { int q4 = min(q0 + j, rows4 - 1), tap = q4 / C4; c[j] = q4 - tap * C4; r[j] = tap / S; s[j] = tap - r[j] * S; \
  scale[j] = PROLOGUE == 0u ? vec4(1) : texelFetch(Scale, c[j]); shift[j] = PROLOGUE == 0u ? vec4(0) : texelFetch(Shift, c[j]); \
  a0[4 * j] = a0[4 * j + 1] = a0[4 * j + 2] = a0[4 * j + 3] = vec4(0); a1[4 * j] = a1[4 * j + 1] = a1[4 * j + 2] = a1[4 * j + 3] = vec4(0); }
  EACH_ROW4(SETUP)
  ivec2 ps = ONE_TAP ? hits(r[0], H, P) : ivec2(0, P), qs = ONE_TAP ? hits(s[0], W, Q) : ivec2(0, Q);
  int high = ps.y - ps.x, wide = qs.y - qs.x, total = N * high * wide, perPart = (total + parts - 1) / parts;
  int at = part * perPart, end = min(total, at + perPart);
  int line = at / max(wide, 1), q = at - line * wide + qs.x, n = line / max(high, 1), p = line - n * high + ps.x;
  while (at < end) {
    vec4 b0[4], b1[4], x[16];
#define FETCH_X(u, j) { int iy = p * stride - pad + r[j], ix = q * stride - pad + s[j]; bool inside = ONE_TAP || (uint(iy) < uint(H) && uint(ix) < uint(W)); \
    x[4 * u + j] = prologue(texelFetch(X, inside ? ((n * H + iy) * W + ix) * C4 + c[j] : 0), scale[j], shift[j]); \
    if (!ONE_TAP) x[4 * u + j] = inside ? x[4 * u + j] : vec4(0); }
    // Past the end the last pixel is read again, and counts nothing.
#define FETCH(u) { int d = ((n * P + p) * Q + q) * K4; b0[u] = texelFetch(Dy, d + ka); b1[u] = texelFetch(Dy, d + kb); \
    if (u > 0) { b0[u] = at + u < end ? b0[u] : vec4(0); b1[u] = at + u < end ? b1[u] : vec4(0); } \
    FETCH_X(u, 0) FETCH_X(u, 1) FETCH_X(u, 2) FETCH_X(u, 3) \
    q += at + u + 1 < end ? 1 : 0; bool wrapQ = q == qs.y; q = wrapQ ? qs.x : q; p += wrapQ ? 1 : 0; bool wrapP = p == ps.y; p = wrapP ? ps.x : p; n += wrapP ? 1 : 0; }
    EACH_PIXEL(FETCH)
#define MULTIPLY(j, e) a0[4 * j + e] = a0[4 * j + e] + x[j][e] * b0[0] + x[4 + j][e] * b0[1] + x[8 + j][e] * b0[2] + x[12 + j][e] * b0[3]; \
    a1[4 * j + e] = a1[4 * j + e] + x[j][e] * b1[0] + x[4 + j][e] * b1[1] + x[8 + j][e] * b1[2] + x[12 + j][e] * b1[3];
#define MULTIPLY4(j) MULTIPLY(j, 0) MULTIPLY(j, 1) MULTIPLY(j, 2) MULTIPLY(j, 3)
    EACH_ROW4(MULTIPLY4)
    at += 4;
  }
  int base = (firstPart + part) * rows4 * 4;
#define STORE(j, e) if (k0 < K4) dw[o + e * K4] = a0[4 * j + e]; if (k0 + 1 < K4) dw[o + e * K4 + 1] = a1[4 * j + e];
#define STORE4(j) if (q0 + j < rows4) { int o = (base + (q0 + j) * 4) * K4 + k0; STORE(j, 0) STORE(j, 1) STORE(j, 2) STORE(j, 3) }
  EACH_ROW4(STORE4)
}

// Implicit GEMM for CPU drivers whose compilers know what is equal in all lanes (Mesa 26): one row per lane, 4 * COLUMNS4 columns in its registers. The weights come through
// pointers at addresses equal in all lanes, which makes them the memory operand of a multiply-add: one pointer per term of a turn, or, MIRRORED, per turn, from which all else is a constant offset. A sum gets
// all terms of a turn of the loop at once: not all sums fit in the processor's registers, and at a turn's end each is merged with what masked lanes keep. No barriers. Tested at
// their ends, the loops read nothing past the weights: a loop tested at its top runs once more with no lane active there, and such loads are not masked.
#include "grid.glsl"
layout(local_size_x = 64) in;
#ifdef MIRRORED  // w as the forward convolution has it, [kernelR,kernelS,K,C]: tap (r, s) is its (firstR - r*tapStride, firstS - s*tapStride)
layout(buffer_reference, std430, buffer_reference_align = 16) readonly buffer Weights { vec4 w[]; };  // of K: its C
#define POINTERS Weights weights; int firstR, firstS, tapStride, kernelS;
#else
layout(buffer_reference, std430, buffer_reference_align = 16) readonly buffer Weights { vec4 w[32]; };  // of [taps,C,K]: COLUMNS4 of a channel
#define POINTERS Weights weights;
#endif
#define IMAGES_FASTEST
#include "conv2d_params.glsl"
#include "quad.glsl"
#include "quad64.glsl"
#include "normalise.glsl"
layout(constant_id = 2) const int DEPTH4 = 2;      // quads of channels of x in a turn of the loop; divides C4
layout(constant_id = 3) const bool PLAIN = false;  // row m of x and of y is that of the product: one tap, nothing strided or padded
#ifdef MIRRORED
layout(constant_id = 4) const int TERMS4 = 16;     // C4: makes columns of a term constant offsets
layout(constant_id = 5) const int COLUMNS4 = 16;   // at most K4
#else
layout(constant_id = 4) const int COLUMNS4 = 16;   // at most K4 and 32
#endif
layout(std430, binding = 0) readonly buffer In { u64vec2 x[]; };  // [N,H,W,C]
READ_QUADS(1, Scale, scale);                                      // [K]
READ_QUADS(2, Shift, shift);
layout(std430, binding = 3) buffer Out { u64vec2 y[]; };

// First and last + 1 tap that hits the image from any pixel of a line, first to last.
ivec2 hits(int first, int last, int start, int size, int taps) {
  return ivec2(max(0, -(last * stride + start)), min(taps, size - (first * stride + start)));
}

void main() {
  int rowTiles = (M + 63) / 64, group = int(flat_group()), column = group / rowTiles, m0 = (group - column * rowTiles) * 64, m = m0 + int(gl_LocalInvocationID.x);
  if (column * COLUMNS4 >= K4 || m >= M) return;
  // The last tile begins early enough to be whole, and stores what is its own.
  int k0 = min(column * COLUMNS4, K4 - COLUMNS4);
  Pixel row = PLAIN ? Pixel(0, m / Q % P, m % Q) : pixel_of(m);
  ivec2 rs = ivec2(0, 1), ss = ivec2(0, 1);
  if (!PLAIN) {
    Pixel first = pixel_of(m0), last = pixel_of(min(m0 + 63, M - 1));
    rs = hits(first.p, last.p, y0, H, R);
    ss = first.p == last.p ? hits(first.q, last.q, x0, W, S) : ivec2(0, S);
  }
  vec4 acc[COLUMNS4];
  [[unroll]] for (int j = 0; j < COLUMNS4; j++) acc[j] = vec4(0);
  if (rs.x < rs.y && ss.x < ss.y) {
    int r = rs.x;
    do {
      int s = ss.x;
      do {
        int iy = row.p * stride + y0 + r, ix = row.q * stride + x0 + s, at = m, c = 0;
        bool inside = PLAIN || (uint(iy) < uint(H) && uint(ix) < uint(W));
        if (!PLAIN) at = inside ? (row.n * H + iy) * W + ix : 0;
        at *= C4;
#ifdef MIRRORED
        int tap = (firstR - r * tapStride) * kernelS + firstS - s * tapStride;
#else
        int tap = r * S + s;
#endif
        do {
          vec4 a[DEPTH4];
          [[unroll]] for (int u = 0; u < DEPTH4; u++) a[u] = mix(vec4(0), quad_of(x[at + c + u]), bvec4(inside));
#ifdef MIRRORED
          Weights column0 = Weights(uint64_t(weights) + 16ul * uint64_t((tap * K4 + k0) * 4 * C4 + c));
          [[unroll]] for (int j = 0; j < 4 * COLUMNS4; j++)
            [[unroll]] for (int i = 0; i < 4 * DEPTH4; i++) acc[j / 4][j % 4] = fma(a[i / 4][i % 4], column0.w[j * TERMS4 + i / 4][i % 4], acc[j / 4][j % 4]);
#else
          Weights term[4 * DEPTH4];
          [[unroll]] for (int i = 0; i < 4 * DEPTH4; i++) term[i] = Weights(uint64_t(weights) + 16ul * uint64_t((tap * 4 * C4 + 4 * c + i) * K4 + k0));
          [[unroll]] for (int j = 0; j < COLUMNS4; j++)
            [[unroll]] for (int i = 0; i < 4 * DEPTH4; i++) acc[j] = fma(vec4(a[i / 4][i % 4]), term[i].w[j], acc[j]);
#endif
          c += DEPTH4;
        } while (c < C4);
      } while (++s < ss.y);
    } while (++r < rs.y);
  }
  int o = PLAIN ? m * K4 : out_texel(row);
  bool adds = ADD != 0u && adds_to(row);
  [[unroll]] for (int j = 0; j < COLUMNS4; j++) {
    if (k0 + j < column * COLUMNS4) continue;
    vec4 v = acc[j];
    if (ON_STORE) v = normalised(v, QUAD(scale, k0 + j), QUAD(shift, k0 + j));
    if (ADD != 0u) v += mix(vec4(0), quad_of(y[o + k0 + j]), bvec4(adds));
    y[o + k0 + j] = words_of(NORM == 4u ? rectified(v) : v);
  }
}

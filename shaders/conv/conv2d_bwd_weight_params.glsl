// Rows of the weight gradient are four input channels each: row4 q = (tap, c4), tap = r*S + s. The pixels to sum over are split into parts.
#ifndef POINTERS
#define POINTERS
#endif
layout(push_constant) uniform Params {
  POINTERS          // addresses of what is not bound (lanerow)
  int N, P, Q;      // pixels of dy
  int H, W, C4;     // pixels of x, channels / 4
  int K4;           // output channels / 4
  int stride, pad;
  int R, S;
  int parts;        // of the sum over pixels; part i writes dw at i * R*S*C*K
};

// First and last + 1 grid index whose pixel i*stride - pad + tap lies in [0, size).
ivec2 hits(int tap, int size, int grid) {
  int lo = max(0, (pad - tap + stride - 1) / stride), last = size - 1 + pad - tap;
  return ivec2(lo, max(lo, last < 0 ? 0 : min(grid, last / stride + 1)));
}

#ifdef PROLOGUE_ID  // of the constant; kernels for CPU drivers have none
#include "normalise.glsl"
layout(constant_id = PROLOGUE_ID) const uint PROLOGUE = 0u;  // 1: x * scale[c] + shift[c]; 2: the same, then ReLU

vec4 prologue(vec4 a, vec4 scale, vec4 shift) {
  vec4 b = normalised(a, scale, shift);
  return mix(a, mix(b, rectified(b), bvec4(PROLOGUE == 2u)), bvec4(PROLOGUE != 0u));
}
#endif

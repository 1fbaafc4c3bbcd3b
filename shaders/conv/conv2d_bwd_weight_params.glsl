// Rows of the weight gradient are four input channels each: row4 q = (tap, c4), tap = r*S + s. The pixels to sum over are split into parts.
#include "normalise.glsl"
#ifndef PROLOGUE_ID
#define PROLOGUE_ID 0
#endif
layout(constant_id = PROLOGUE_ID) const uint PROLOGUE = 0u;  // 1: x * scale[c] + shift[c]; 2: the same, then ReLU
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
  int firstPart;    // index of this dispatch's first part in dw
};

vec4 prologue(vec4 a, vec4 scale, vec4 shift) {
  vec4 b = normalised(a, scale, shift);
  return mix(a, mix(b, rectified(b), bvec4(PROLOGUE == 2u)), bvec4(PROLOGUE != 0u));
}

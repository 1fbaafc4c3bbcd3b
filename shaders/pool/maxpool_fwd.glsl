// y[n,p,q,c] = max of x[n,h,w,c] over the window of R x S at (p stride - pad, q stride - pad); positions outside the image do not count.
// Ties go to the first in row-major order, NaN wins, as in torch. x: [N,H,W,4*quads], y: [N,P,Q,4*quads];
// argmax: [N,P,Q,quads], four bytes a quad: r S + s of the maximum of each channel (R S <= 256).
// Dispatch: one lane per quad of y. Traffic: reads x R S / stride^2 times (from caches), writes y and a quarter of it.
#include "grid.glsl"
#include "quad.glsl"
layout(local_size_x = LANES) in;
layout(push_constant) uniform Params { uint N; uint H; uint W; uint quads; uint P; uint Q; uint R; uint S; uint stride; uint pad; };
layout(std430, set = 0, binding = 0) readonly buffer X { QUAD x[]; };
layout(std430, set = 0, binding = 1) writeonly buffer Y { QUAD y[]; };
layout(std430, set = 0, binding = 2) writeonly buffer Argmax { uint argmax[]; };

void main() {
  uint i = flat_invocation();
  if (i >= N * P * Q * quads) return;
  uint quad = i % quads, pixel = i / quads;
  uint q = pixel % Q, p = pixel / Q % P, n = pixel / (P * Q);
  int top = int(p * stride) - int(pad), left = int(q * stride) - int(pad);
  int r0 = max(0, -top), r1 = min(int(R), int(H) - top), s0 = max(0, -left), s1 = min(int(S), int(W) - left);
  vec4 best = vec4(-1.0 / 0.0);
  uvec4 at = uvec4(r0 * int(S) + s0);
  for (int r = r0; r < r1; r++) {
    for (int s = s0; s < s1; s++) {
      vec4 v = unpack_quad(x[((n * H + uint(top + r)) * W + uint(left + s)) * quads + quad]);
      bvec4 better = mix(greaterThan(v, best), bvec4(true), isnan(v));
      best = mix(best, v, better);
      at = mix(at, uvec4(r * int(S) + s), better);
    }
  }
  y[i] = pack_quad(best);
  argmax[i] = at.x | at.y << 8 | at.z << 16 | at.w << 24;
}

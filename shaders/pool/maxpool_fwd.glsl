// y[n,p,q,c] = max of x[n,h,w,c] over the window of R x S at (p stride - pad, q stride - pad); positions outside the image do not count.
// PROLOGUE: 1, x * scale[c] + shift[c] is what counts; 2, the same behind a ReLU, which need not be in the loop: where it closes the whole window, no gradient comes back. scale, shift: [4*quads].
// Ties go to the first in row-major order, NaN wins, as in torch. x: [N,H,W,4*quads], y: [N,P,Q,4*quads];
// argmax: [N,P,Q,quads], four bytes a quad: r S + s of the maximum of each channel (R S <= 256).
// Dispatch: one lane per quad of y. Traffic: reads x R S / stride^2 times (from caches), writes y and a byte for each value.
#include "grid.glsl"
#include "quad.glsl"
#include "maxpool.glsl"
#include "normalise.glsl"
layout(constant_id = 9) const uint PROLOGUE = 0;
layout(local_size_x = LANES) in;
layout(push_constant) uniform Params { uint N; };
READ_ACTIVATIONS(0, X, x);
READ_QUADS(1, Scale, scale);
READ_QUADS(2, Shift, shift);
WRITE_ACTIVATIONS(3, Y, y);
layout(std430, set = 0, binding = 4) writeonly buffer Argmax { uint argmax[]; };

void main() {
  uint i = flat_invocation();
  if (i >= N * P * Q * quads) return;
  uint quad = i % quads, pixel = i / quads;
  uint q = pixel % Q, p = pixel / Q % P, n = pixel / (P * Q);
  // Above and left of the image these wrap around to large numbers.
  uint top = p * stride - pad, left = q * stride - pad;
  vec4 best = vec4(-1.0 / 0.0), gain = vec4(1), offset = vec4(0);
  if (PROLOGUE != 0) {
    gain = QUAD(scale, quad);
    offset = QUAD(shift, quad);
  }
  uvec4 at = uvec4((p * stride < pad ? pad - p * stride : 0) * S + (q * stride < pad ? pad - q * stride : 0));
  for (uint r = 0; r < R; r++) {
    for (uint s = 0; s < S; s++) {
      if (top + r >= H || left + s >= W) continue;
      vec4 v = ACTIVATION(x, ((n * H + top + r) * W + left + s) * quads + quad);
      if (PROLOGUE != 0) v = normalised(v, gain, offset);
      bvec4 better = mix(greaterThan(v, best), bvec4(true), isnan(v));
      best = mix(best, v, better);
      at = mix(at, uvec4(r * S + s), better);
    }
  }
  STORE(y, i, PROLOGUE == 2 ? rectified(best) : best);
  argmax[i] = at.x | at.y << 8 | at.z << 16 | at.w << 24;
}

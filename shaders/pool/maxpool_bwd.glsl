// dx[n,h,w,c] = sum of dy[n,p,q,c] over the windows whose maximum was at (h,w), in a fixed order (last p, then last q, first).
// dy: [N,P,Q,4*quads], argmax: [N,P,Q,quads] as maxpool_fwd left it, dx: [N,H,W,4*quads].
// Dispatch: one lane per quad of dx. Traffic: reads dy and argmax R S / stride^2 times (from caches), writes dx.
#include "grid.glsl"
#include "quad.glsl"
#include "maxpool.glsl"
layout(local_size_x = LANES) in;
READ_ACTIVATIONS(0, Dy, dy);
#ifdef WORD
READ_QUADS(1, Argmax, argmax);  // four quads' bytes to a texel: quads must be a multiple of 4
uint positions(uint quad) { return floatBitsToUint(QUAD(argmax, quad / 4)[quad % 4]); }
#else
layout(std430, set = 0, binding = 1) readonly buffer Argmax { uint argmax[]; };
uint positions(uint quad) { return argmax[quad]; }
#endif
WRITE_ACTIVATIONS(2, Dx, dx);

void main() {
  uint i = flat_invocation();
  if (i >= N * H * W * quads) return;
  uint quad = i % quads, pixel = i / quads;
  uint w = pixel % W, h = pixel / W % H, n = pixel / (H * W);
  vec4 sum = vec4(0);
  // From the last window that starts at or before this pixel back to the first that may reach it; below 0, p and q wrap around to large numbers.
  for (uint back = 0; back < (R + stride - 1) / stride; back++) {
    uint p = (h + pad) / stride - back, r = h + pad - p * stride;
    if (p >= P || r >= R) continue;
    for (uint left = 0; left < (S + stride - 1) / stride; left++) {
      uint q = (w + pad) / stride - left, s = w + pad - q * stride;
      if (q >= Q || s >= S) continue;
      uint o = ((n * P + p) * Q + q) * quads + quad, code = positions(o);
      uvec4 at = uvec4(code, code >> 8, code >> 16, code >> 24) & 255;
      sum += mix(vec4(0), ACTIVATION(dy, o), equal(at, uvec4(r * S + s)));
    }
  }
  STORE(dx, i, sum);
}

// dx[n,h,w,c] = sum of dy[n,p,q,c] over the windows whose maximum was at (h,w), in a fixed order (p, then q).
// dy: [N,P,Q,4*quads], argmax: [N,P,Q,quads] as maxpool_fwd left it, dx: [N,H,W,4*quads].
// Dispatch: one lane per quad of dx. Traffic: reads dy and argmax R S / stride^2 times (from caches), writes dx.
#include "grid.glsl"
#include "quad.glsl"
layout(local_size_x = LANES) in;
layout(push_constant) uniform Params { uint N; uint H; uint W; uint quads; uint P; uint Q; uint R; uint S; uint stride; uint pad; };
layout(std430, set = 0, binding = 0) readonly buffer Dy { QUAD dy[]; };
layout(std430, set = 0, binding = 1) readonly buffer Argmax { uint argmax[]; };
layout(std430, set = 0, binding = 2) writeonly buffer Dx { QUAD dx[]; };

void main() {
  uint i = flat_invocation();
  if (i >= N * H * W * quads) return;
  uint quad = i % quads, pixel = i / quads;
  uint w = pixel % W, h = pixel / W % H, n = pixel / (H * W);
  // Windows that start at or before this pixel and end at or after it.
  uint p0 = h + pad < R ? 0 : (h + pad - R) / stride + 1, p1 = min(P, (h + pad) / stride + 1);
  uint q0 = w + pad < S ? 0 : (w + pad - S) / stride + 1, q1 = min(Q, (w + pad) / stride + 1);
  vec4 sum = vec4(0);
  for (uint p = p0; p < p1; p++) {
    for (uint q = q0; q < q1; q++) {
      uint o = ((n * P + p) * Q + q) * quads + quad;
      uint code = argmax[o], here = (h + pad - p * stride) * S + (w + pad - q * stride);
      uvec4 at = uvec4(code, code >> 8, code >> 16, code >> 24) & 255;
      sum += mix(vec4(0), unpack_quad(dy[o]), equal(at, uvec4(here)));
    }
  }
  dx[i] = pack_quad(sum);
}

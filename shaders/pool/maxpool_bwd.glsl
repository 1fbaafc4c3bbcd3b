// dx[n,h,w,c] = sum of dy[n,p,q,c] over the windows whose maximum was at (h,w), in a fixed order (last p, then last q, first).
// dy: [N,P,Q,4*quads], argmax: [N,P,Q,quads] as maxpool_fwd left it, dx: [N,H,W,4*quads].
// Dispatch: one lane per quad of a block of dx, BLOCK x BLOCK pixels that lie under the same windows. Traffic: reads dy and argmax ceil(R / stride) ceil(S / stride) times per block (from caches), writes dx.
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

// Pixels h with the same (h + pad) / stride; larger strides would take too many registers, and a CPU driver too long to compile.
#ifdef WORD
const uint BLOCK = 1;
#else
const uint BLOCK = stride == 2 ? 2 : 1;
#endif
const uint BEFORE = BLOCK > 1 ? pad : 0;  // where the first block begins, before the image: h and w wrap around to large numbers

void main() {
  uint i = flat_invocation(), rows = (H + BEFORE + BLOCK - 1) / BLOCK, columns = (W + BEFORE + BLOCK - 1) / BLOCK;
  if (i >= N * rows * columns * quads) return;
  uint quad = i % quads, block = i / quads;
  uint w = block % columns * BLOCK - BEFORE, h = block / columns % rows * BLOCK - BEFORE, n = block / (rows * columns);
  vec4 sum[BLOCK * BLOCK];
  for (uint j = 0; j < BLOCK * BLOCK; j++) sum[j] = vec4(0);
  // From the last window that starts at or before these pixels back to the first that may reach them; below 0, p and q wrap around too.
  for (uint back = 0; back < (R + stride - 1) / stride; back++) {
    uint p = (h + pad) / stride - back, r = h + pad - p * stride;
    if (p >= P || r >= R) continue;
    for (uint left = 0; left < (S + stride - 1) / stride; left++) {
      uint q = (w + pad) / stride - left, s = w + pad - q * stride;
      if (q >= Q || s >= S) continue;
      uint o = ((n * P + p) * Q + q) * quads + quad, code = positions(o);
      uvec4 at = uvec4(code, code >> 8, code >> 16, code >> 24) & 255;
      vec4 g = ACTIVATION(dy, o);
      for (uint y = 0; y < BLOCK; y++)
        for (uint x = 0; x < BLOCK; x++)
          if (r + y < R && s + x < S) sum[y * BLOCK + x] += mix(vec4(0), g, equal(at, uvec4((r + y) * S + s + x)));
    }
  }
  for (uint y = 0; y < BLOCK; y++)
    for (uint x = 0; x < BLOCK; x++)
      if (h + y < H && w + x < W) STORE(dx, ((n * H + h + y) * W + w + x) * quads + quad, sum[y * BLOCK + x]);
}

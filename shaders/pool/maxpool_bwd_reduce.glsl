// Sums that maxpool_bwd needs, over blocks of pooled pixels: of g and of g xhat, where g = dy, zero where the ReLU was closed at the window's maximum, and xhat = (x - mean) invStd at that
// maximum. A pixel that is the maximum of several windows is counted once for each, which makes the sums over all pixels of x.
// dy: [N,P,Q,4*quads], argmax: [N,P,Q,quads], x: [N,H,W,4*quads]; scale, shift (gamma and beta here), mean, invStd: [4*quads]; partials: [blocks,2,4*quads], written from firstBlock on. m = N P Q.
// Dispatch: one share of pooled pixels per block (rows.glsl). Traffic: reads dy, argmax, and the maxima's quads of x, four for each quad of dy.
#include "grid.glsl"
#include "quad.glsl"
#include "rows.glsl"
#include "normalise.glsl"
#include "maxpool.glsl"
const uint MASK = 3;  // normalise.glsl
layout(local_size_x = LANES) in;
layout(push_constant) uniform Params { uint m; uint rowsPerBlock; uint firstBlock; };
READ_ACTIVATIONS(0, Dy, dy);
#include "argmax.glsl"
READ_ACTIVATIONS(2, X, x);
READ_QUADS(3, Scale, gamma);
READ_QUADS(4, Shift, beta);
READ_QUADS(5, Mean, mean);
READ_QUADS(6, InvStd, invStd);
layout(std430, set = 0, binding = 7) writeonly buffer Partials { vec4 partials[]; };

void load(uint pooled, uint quad, out vec4 g, out vec4 v) {
  // Above and left of the image these wrap around to large numbers.
  uint i = pooled * quads + quad, top = pooled / Q % P * stride - pad, left = pooled % Q * stride - pad;
  uvec4 at = positions(i), pixel = (pooled / (P * Q) * H + top + at / S) * W + left + at % S;
  g = ACTIVATION(dy, i);
  for (uint c = 0; c < 4; c++) v[c] = ACTIVATION(x, pixel[c] * quads + quad)[c];
}

void keep(uint pooled, uint quad, vec4 g) {}
#include "gradient_sums.glsl"

void main() { sum_block(share_of_block(flat_invocation(), m, quads, rowsPerBlock), firstBlock, quads, true); }

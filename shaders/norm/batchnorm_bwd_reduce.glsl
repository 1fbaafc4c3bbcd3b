// Sums over blocks of rows that the backward pass needs: g and g xhat, where g = dy, zero where the ReLU was closed,
// and xhat = (x - mean) invStd. With RESIDUAL g is also the residual's gradient: dresidual = g.
// dy, x, y, dresidual: [m, 4*quads]; gamma, beta, mean, invStd: [4*quads]; partials: [blocks, 2, 4*quads], written from firstBlock on.
// MASK: 0 no ReLU (y not read), 1 by the sign of y, 2 by the sign of y recomputed from x (y not read), 3 by that of
// x scale + shift, as an op computed it that normalised x where it loaded it: then gamma and beta are that scale and shift. dresidual may be dy.
// Dispatch: one share of rows per block. Traffic: reads dy, x (and y), writes dresidual.
#include "grid.glsl"
#include "quad.glsl"
#include "rows.glsl"
#include "normalise.glsl"
layout(local_size_x = LANES) in;
layout(constant_id = 0) const uint MASK = 0;
layout(push_constant) uniform Params { uint m; uint quads; uint rowsPerBlock; uint firstBlock; uint affine; };
READ_ACTIVATIONS(0, Dy, dy);
READ_ACTIVATIONS(1, X, x);
READ_ACTIVATIONS(2, Y, y);
READ_QUADS(3, Gamma, gamma);
READ_QUADS(4, Beta, beta);
READ_QUADS(5, Mean, mean);
READ_QUADS(6, InvStd, invStd);
layout(std430, set = 0, binding = 7) writeonly buffer Partials { vec4 partials[]; };
#ifdef RESIDUAL
WRITE_ACTIVATIONS(8, Dresidual, dresidual);
#endif

void load(uint row, uint quad, out vec4 g, out vec4 v) {
  uint i = row * quads + quad;
  g = ACTIVATION(dy, i);
  v = ACTIVATION(x, i);
  if (MASK == 1) g = mix(g, vec4(0), lessThanEqual(ACTIVATION(y, i), vec4(0)));
}

void keep(uint row, uint quad, vec4 g) {
#ifdef RESIDUAL
  STORE(dresidual, row * quads + quad, g);
#endif
}
#include "gradient_sums.glsl"

void main() { sum_block(share_of_block(flat_invocation(), m, quads, rowsPerBlock), firstBlock, quads, affine != 0); }

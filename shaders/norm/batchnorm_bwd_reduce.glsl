// Sums over blocks of rows that the backward pass needs: g and g xhat, where g = dy, zero where the ReLU was closed,
// and xhat = (x - mean) invStd. With RESIDUAL g is also the residual's gradient: dresidual = g, or += g with accumulate.
// dy, x, y, dresidual: [m, 4*quads]; gamma, beta, mean, invStd: [4*quads]; partials: [blocks, 2, 4*quads], written from firstBlock on.
// MASK: 0 no ReLU (y not read), 1 by the sign of y, 2 by the sign of y recomputed from x (y not read), 3 by that of
// x scale + shift, as an op computed it that normalised x where it loaded it: then gamma and beta are that scale and shift. dresidual may be dy.
// Dispatch: one share of rows per block. Traffic: reads dy, x (and y, and dresidual to accumulate), writes dresidual.
#include "grid.glsl"
#include "quad.glsl"
#include "rows.glsl"
#include "normalise.glsl"
layout(local_size_x = LANES) in;
layout(constant_id = 0) const uint MASK = 0;
layout(push_constant) uniform Params { uint m; uint quads; uint rowsPerBlock; uint firstBlock; uint affine; uint accumulate; };
READ_ACTIVATIONS(0, Dy, dy);
READ_ACTIVATIONS(1, X, x);
READ_ACTIVATIONS(2, Y, y);
READ_QUADS(3, Gamma, gamma);
READ_QUADS(4, Beta, beta);
READ_QUADS(5, Mean, mean);
READ_QUADS(6, InvStd, invStd);
layout(std430, set = 0, binding = 7) writeonly buffer Partials { vec4 partials[]; };
#ifdef RESIDUAL
CHANGE_ACTIVATIONS(8, Dresidual, dresidual);
#endif

void main() {
  Share s = share_of_block(flat_invocation(), m, quads, rowsPerBlock);
  if (s.first >= s.end) return;
  vec4 center[COLUMNS], inverse[COLUMNS], scale[COLUMNS], shift[COLUMNS], sum[COLUMNS], weighted[COLUMNS];
  for (uint k = 0; k < COLUMNS; k++) {
    uint c = min(COLUMN(s, k), quads - 1);
    center[k] = QUAD(mean, c);
    inverse[k] = QUAD(invStd, c);
    scale[k] = MASK == 3 ? QUAD(gamma, c) : affine != 0 ? inverse[k] * QUAD(gamma, c) : inverse[k];
    shift[k] = affine != 0 ? QUAD(beta, c) : vec4(0);
    sum[k] = weighted[k] = vec4(0);
  }
  // Several rows' loads before the first use.
  for (uint first = s.first; first < s.end; first += AT_ONCE) {
    for (uint k = 0; k < COLUMNS; k++) {
      if (COLUMN(s, k) >= quads) continue;
      vec4 gs[AT_ONCE], vs[AT_ONCE];
      for (uint j = 0; j < AT_ONCE; j++) {
        uint i = min(first + j, s.end - 1) * quads + COLUMN(s, k);
        gs[j] = ACTIVATION(dy, i);
        vs[j] = ACTIVATION(x, i);
        if (MASK == 1) gs[j] = mix(gs[j], vec4(0), lessThanEqual(ACTIVATION(y, i), vec4(0)));
      }
      for (uint j = 0; j < AT_ONCE; j++) {
        if (first + j >= s.end) continue;
        vec4 g = masked(MASK, gs[j], vs[j], center[k], scale[k], shift[k]);
        sum[k] += g;
        weighted[k] += g * ((vs[j] - center[k]) * inverse[k]);
#ifdef RESIDUAL
        uint i = (first + j) * quads + COLUMN(s, k);
        STORE(dresidual, i, accumulate != 0 ? LOAD(dresidual, i) + g : g);
#endif
      }
    }
  }
  for (uint k = 0; k < COLUMNS; k++) {
    if (COLUMN(s, k) >= quads) continue;
    uint o = (firstBlock + s.slot) * 2 * quads + COLUMN(s, k);
    partials[o] = sum[k];
    partials[o + quads] = weighted[k];
  }
}

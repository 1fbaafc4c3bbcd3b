// dx = gamma invStd (g - sums[0] / count - xhat sums[1] / count), with g = dy, zero where the ReLU was closed, xhat = (x - mean) invStd.
// dy, x, dx: [m, 4*quads]; gamma, beta, mean, invStd: [4*quads]; sums: [2, 4*quads] over all rows; inverseCount = 1 / count.
// MASK: 0 none (no ReLU, or dy is masked already), 2 by the sign of y recomputed from x, 3 by that of
// x scale + shift, as an op computed it that normalised x where it loaded it: then gamma and beta are that scale and shift. dx may be dy.
// Dispatch: one share of rows per lane (rows.glsl). Traffic: reads dy, x, writes dx.
#include "grid.glsl"
#include "quad.glsl"
#include "rows.glsl"
#include "normalise.glsl"
layout(local_size_x = LANES) in;
layout(constant_id = 0) const uint MASK = 0;
layout(push_constant) uniform Params { uint m; uint quads; uint rows; uint affine; float inverseCount; };
READ_ACTIVATIONS(0, Dy, dy);
READ_ACTIVATIONS(1, X, x);
READ_QUADS(2, Gamma, gamma);
READ_QUADS(3, Beta, beta);
READ_QUADS(4, Mean, mean);
READ_QUADS(5, InvStd, invStd);
READ_QUADS(6, Sums, sums);
WRITE_ACTIVATIONS(7, Dx, dx);

void main() {
  Share s = share_of_rows(flat_invocation(), m, quads, rows);
  if (s.first >= s.end) return;
  vec4 center[COLUMNS], scale[COLUMNS], shift[COLUMNS], average[COLUMNS], slope[COLUMNS];
  for (uint k = 0; k < COLUMNS; k++) {
    uint c = min(COLUMN(s, k), quads - 1);
    vec4 inverse = QUAD(invStd, c);
    center[k] = QUAD(mean, c);
    scale[k] = MASK == 3 ? QUAD(gamma, c) : affine != 0 ? inverse * QUAD(gamma, c) : inverse;
    shift[k] = affine != 0 ? QUAD(beta, c) : vec4(0);
    average[k] = QUAD(sums, c) * inverseCount;
    slope[k] = QUAD(sums, quads + c) * inverseCount * inverse;
  }
  // Several rows' loads before the first use.
  for (uint first = s.first; first < s.end; first += AT_ONCE * s.step) {
    for (uint k = 0; k < COLUMNS; k++) {
      if (COLUMN(s, k) >= quads) continue;
      vec4 gs[AT_ONCE], vs[AT_ONCE];
      for (uint j = 0; j < AT_ONCE; j++) {
        uint r = first + j * s.step, i = (r < s.end ? r : first) * quads + COLUMN(s, k);
        gs[j] = ACTIVATION(dy, i);
        vs[j] = ACTIVATION(x, i);
      }
      for (uint j = 0; j < AT_ONCE; j++) {
        uint r = first + j * s.step;
        if (r >= s.end) continue;
        vec4 g = masked(MASK, gs[j], vs[j], center[k], scale[k], shift[k]);
        STORE(dx, r * quads + COLUMN(s, k), scale[k] * (g - average[k] - (vs[j] - center[k]) * slope[k]));
      }
    }
  }
}

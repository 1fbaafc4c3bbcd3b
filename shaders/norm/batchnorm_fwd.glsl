// y = max(gamma (x - mean) invStd + beta [+ residual], lower), with lower = 0 for ReLU and -infinity for none; NaN stays NaN.
// x, residual, y: [m, 4*quads]; gamma, beta, mean, spread: [4*quads]. spread is invStd, or with eps >= 0 the variance (inference).
// RESIDUAL: 0 none, 1 added as it is, 2 normalised as it is loaded, by residualScale, residualShift: [4*quads].
// affine = 0: gamma = 1, beta = 0 and the bindings are not read. y may be x or residual.
// Dispatch: one share of rows per lane (rows.glsl). Traffic: reads x (and residual), writes y.
#include "grid.glsl"
#include "quad.glsl"
#include "rows.glsl"
#include "normalise.glsl"
layout(local_size_x = LANES) in;
layout(constant_id = 0) const uint RESIDUAL = 0;
layout(push_constant) uniform Params { uint m; uint quads; uint rows; uint affine; float eps; float lower; };
READ_ACTIVATIONS(0, X, x);
READ_ACTIVATIONS(1, Residual, residual);
READ_QUADS(2, Gamma, gamma);
READ_QUADS(3, Beta, beta);
READ_QUADS(4, Mean, mean);
READ_QUADS(5, Spread, spread);
READ_QUADS(6, ResidualScale, residualScale);
READ_QUADS(7, ResidualShift, residualShift);
WRITE_ACTIVATIONS(8, Y, y);

void main() {
  Share s = share_of_rows(flat_invocation(), m, quads, rows);
  if (s.first >= s.end) return;
  vec4 center[COLUMNS], scale[COLUMNS], shift[COLUMNS], otherScale[COLUMNS], otherShift[COLUMNS];
  for (uint k = 0; k < COLUMNS; k++) {
    uint c = min(COLUMN(s, k), quads - 1);
    center[k] = QUAD(mean, c);
    scale[k] = QUAD(spread, c);
    if (eps >= 0) scale[k] = 1 / sqrt(scale[k] + eps);
    if (affine != 0) scale[k] *= QUAD(gamma, c);
    shift[k] = affine != 0 ? QUAD(beta, c) : vec4(0);
    otherScale[k] = QUAD(residualScale, c);
    otherShift[k] = QUAD(residualShift, c);
  }
  for (uint r = s.first; r < s.end; r += s.step) {
    for (uint k = 0; k < COLUMNS; k++) {
      if (COLUMN(s, k) >= quads) continue;
      uint i = r * quads + COLUMN(s, k);
      vec4 v = batchnorm(ACTIVATION(x, i), center[k], scale[k], shift[k]);
      if (RESIDUAL == 1) v += ACTIVATION(residual, i);
      if (RESIDUAL == 2) v += normalised(ACTIVATION(residual, i), otherScale[k], otherShift[k]);
      STORE(y, i, mix(v, vec4(lower), lessThan(v, vec4(lower))));
    }
  }
}

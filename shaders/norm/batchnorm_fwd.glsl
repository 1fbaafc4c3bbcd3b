// y = max(gamma (x - mean) invStd + beta [+ residual], lower), with lower = 0 for ReLU and -infinity for none; NaN stays NaN.
// x, residual, y: [m, 4*quads]; gamma, beta, mean, spread: [4*quads]. spread is invStd, or with eps >= 0 the variance (inference).
// RESIDUAL: 0 none, 1 added as it is, 2 normalised as it is loaded, by residualScale, residualShift: [4*quads].
// affine = 0: gamma = 1, beta = 0 and the bindings are not read. y may be x or residual.
// SIGNS: also the signs of y as stored, for the backward pass: bit 4 (quad % 8) + c of signs[row * quads / 8 + quad / 8] is one where the ReLU lets the gradient through. quads: a multiple of 8; rows: at most 8.
// Dispatch: one share of rows per lane (rows.glsl). Traffic: reads x (and residual), writes y (and a bit for each value).
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
#ifdef SIGNS
layout(std430, set = 0, binding = 9) writeonly buffer Signs { uint signs[]; };
shared uint signsOf[LANES];  // four bits for each row of a lane
#endif

void main() {
  Share s = share_of_rows(flat_invocation(), m, quads, rows);
#ifdef SIGNS
  uint own = 0, n = 0;
#else
  if (s.first >= s.end) return;
#endif
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
  // Several rows' loads before the first use.
  for (uint first = s.first; first < s.end; first += AT_ONCE * s.step) {
    for (uint k = 0; k < COLUMNS; k++) {
      if (COLUMN(s, k) >= quads) continue;
      vec4 xs[AT_ONCE], others[AT_ONCE];
      for (uint j = 0; j < AT_ONCE; j++) {
        uint r = first + j * s.step, i = (r < s.end ? r : first) * quads + COLUMN(s, k);
        xs[j] = ACTIVATION(x, i);
        if (RESIDUAL != 0) others[j] = ACTIVATION(residual, i);
      }
      for (uint j = 0; j < AT_ONCE; j++) {
        uint r = first + j * s.step;
        if (r >= s.end) continue;
        vec4 v = batchnorm(xs[j], center[k], scale[k], shift[k]);
        if (RESIDUAL == 1) v += others[j];
        if (RESIDUAL == 2) v += normalised(others[j], otherScale[k], otherShift[k]);
        v = mix(v, vec4(lower), lessThan(v, vec4(lower)));
        STORE(y, r * quads + COLUMN(s, k), v);
#ifdef SIGNS
        own |= open_bits(STORED(v)) << 4 * n++;
#endif
      }
    }
  }
#ifdef SIGNS
  // Of eight neighbouring lanes, which have the same rows, each puts the word of one row together.
  uint lane = gl_LocalInvocationIndex, mine = lane % 8, row = s.first + mine * s.step;
  signsOf[lane] = own;
  barrier();
  if (mine >= rows || row >= s.end) return;
  uint word = 0;
  for (uint i = 0; i < 8; i++) word |= (signsOf[lane - mine + i] >> 4 * mine & 15u) << 4 * i;
  signs[(row * quads + s.quad) / 8] = word;
#endif
}

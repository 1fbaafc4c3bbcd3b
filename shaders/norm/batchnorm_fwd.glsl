// y = max(gamma (x - mean) invStd + beta [+ residual], lower), with lower = 0 for ReLU and -infinity for none; NaN stays NaN.
// x, residual, y: [m, 4*quads]; gamma, beta, mean, spread: [4*quads]. spread is invStd, or with eps >= 0 the variance (inference).
// affine = 0: gamma = 1, beta = 0 and the bindings are not read. y may be x or residual.
// Dispatch: one share of rows per lane (rows.glsl). Traffic: reads x (and residual), writes y.
#include "grid.glsl"
#include "quad.glsl"
#include "rows.glsl"
#include "batchnorm.glsl"
layout(local_size_x = LANES) in;
layout(constant_id = 0) const bool RESIDUAL = false;
layout(push_constant) uniform Params { uint m; uint quads; uint rows; uint affine; float eps; float lower; };
layout(std430, set = 0, binding = 0) readonly buffer X { QUAD x[]; };
layout(std430, set = 0, binding = 1) readonly buffer Residual { QUAD residual[]; };
layout(std430, set = 0, binding = 2) readonly buffer Gamma { QUAD gamma[]; };
layout(std430, set = 0, binding = 3) readonly buffer Beta { QUAD beta[]; };
layout(std430, set = 0, binding = 4) readonly buffer Mean { QUAD mean[]; };
layout(std430, set = 0, binding = 5) readonly buffer Spread { QUAD spread[]; };
layout(std430, set = 0, binding = 6) writeonly buffer Y { QUAD y[]; };

void main() {
  Share s = share_of_rows(flat_invocation(), m, quads, rows);
  if (s.first >= s.end) return;
  vec4 center[COLUMNS], scale[COLUMNS], shift[COLUMNS];
  for (uint k = 0; k < COLUMNS; k++) {
    uint c = min(COLUMN(s, k), quads - 1);
    center[k] = unpack_quad(mean[c]);
    scale[k] = unpack_quad(spread[c]);
    if (eps >= 0) scale[k] = 1 / sqrt(scale[k] + eps);
    if (affine != 0) scale[k] *= unpack_quad(gamma[c]);
    shift[k] = affine != 0 ? unpack_quad(beta[c]) : vec4(0);
  }
  for (uint r = s.first; r < s.end; r += s.step) {
    for (uint k = 0; k < COLUMNS; k++) {
      if (COLUMN(s, k) >= quads) continue;
      uint i = r * quads + COLUMN(s, k);
      vec4 v = batchnorm(unpack_quad(x[i]), center[k], scale[k], shift[k]);
      if (RESIDUAL) v += unpack_quad(residual[i]);
      y[i] = pack_quad(mix(v, vec4(lower), lessThan(v, vec4(lower))));
    }
  }
}

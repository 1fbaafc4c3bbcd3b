// Sums that maxpool_bwd needs, over blocks of pooled pixels: of g and of g xhat, where g = dy, zero where the ReLU was closed at the window's maximum (RELU: there is one), and xhat = (x - mean) invStd at that
// maximum. A pixel that is the maximum of several windows is counted once for each, which makes the sums over all pixels of x.
// dy: [N,P,Q,4*quads], argmax: [N,P,Q,quads], x: [N,H,W,4*quads]; scale, shift, mean, invStd: [4*quads]; partials: [blocks,2,4*quads], written from firstBlock on. m = N P Q.
// Dispatch: one share of pooled pixels per block (rows.glsl). Traffic: reads dy, argmax, and the maxima's quads of x, four for each quad of dy.
#include "grid.glsl"
#include "quad.glsl"
#include "rows.glsl"
#include "normalise.glsl"
#include "maxpool.glsl"
layout(constant_id = 8) const uint RELU = 0;
layout(local_size_x = LANES) in;
layout(push_constant) uniform Params { uint m; uint rowsPerBlock; uint firstBlock; };
READ_ACTIVATIONS(0, Dy, dy);
#include "argmax.glsl"
READ_ACTIVATIONS(2, X, x);
READ_QUADS(3, Scale, scale);
READ_QUADS(4, Shift, shift);
READ_QUADS(5, Mean, mean);
READ_QUADS(6, InvStd, invStd);
layout(std430, set = 0, binding = 7) writeonly buffer Partials { vec4 partials[]; };

// x at the maxima of a quad's four channels.
vec4 maxima(uint pooled, uint quad, uvec4 at) {
  // Above and left of the image these wrap around to large numbers.
  uint top = pooled / Q % P * stride - pad, left = pooled % Q * stride - pad;
  uvec4 pixel = (pooled / (P * Q) * H + top + at / S) * W + left + at % S;
  vec4 v;
  for (uint c = 0; c < 4; c++) v[c] = ACTIVATION(x, pixel[c] * quads + quad)[c];
  return v;
}

void main() {
  Share s = share_of_block(flat_invocation(), m, quads, rowsPerBlock);
  if (s.first >= s.end) return;
  vec4 gain[COLUMNS], offset[COLUMNS], center[COLUMNS], inverse[COLUMNS], sum[COLUMNS], weighted[COLUMNS];
  for (uint k = 0; k < COLUMNS; k++) {
    uint c = min(COLUMN(s, k), quads - 1);
    gain[k] = QUAD(scale, c);
    offset[k] = QUAD(shift, c);
    center[k] = QUAD(mean, c);
    inverse[k] = QUAD(invStd, c);
    sum[k] = weighted[k] = vec4(0);
  }
  // Several pixels' loads before the first use.
  for (uint first = s.first; first < s.end; first += AT_ONCE) {
    for (uint k = 0; k < COLUMNS; k++) {
      if (COLUMN(s, k) >= quads) continue;
      vec4 gs[AT_ONCE], vs[AT_ONCE];
      for (uint j = 0; j < AT_ONCE; j++) {
        uint pooled = min(first + j, s.end - 1), i = pooled * quads + COLUMN(s, k);
        gs[j] = ACTIVATION(dy, i);
        vs[j] = maxima(pooled, COLUMN(s, k), positions(i));
      }
      for (uint j = 0; j < AT_ONCE; j++) {
        if (first + j >= s.end) continue;
        vec4 g = masked(RELU != 0 ? 3u : 0u, gs[j], vs[j], center[k], gain[k], offset[k]);
        sum[k] += g;
        weighted[k] += g * ((vs[j] - center[k]) * inverse[k]);
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

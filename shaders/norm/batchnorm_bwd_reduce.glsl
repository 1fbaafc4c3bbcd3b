// Sums over blocks of rows that the backward pass needs: g and g xhat, where g = dy, zero where the ReLU was closed,
// and xhat = (x - mean) invStd. With RESIDUAL g is also the residual's gradient: dresidual = g, or += g with accumulate.
// dy, x, y, dresidual: [m, 4*quads]; gamma, beta, mean, invStd: [4*quads]; partials: [blocks, 2, 4*quads], written from firstBlock on.
// MASK: 0 no ReLU (y not read), 1 by the sign of y, 2 by the sign of y recomputed from x (y not read). dresidual may be dy.
// Dispatch: one lane per (block, quad). Traffic: reads dy, x (and y, and dresidual to accumulate), writes dresidual.
#include "grid.glsl"
#include "quad.glsl"
#include "batchnorm.glsl"
layout(local_size_x = LANES) in;
layout(constant_id = 0) const uint MASK = 0;
layout(push_constant) uniform Params { uint m; uint quads; uint rowsPerBlock; uint firstBlock; uint affine; uint accumulate; };
layout(std430, set = 0, binding = 0) readonly buffer Dy { QUAD dy[]; };
layout(std430, set = 0, binding = 1) readonly buffer X { QUAD x[]; };
layout(std430, set = 0, binding = 2) readonly buffer Y { QUAD y[]; };
layout(std430, set = 0, binding = 3) readonly buffer Gamma { QUAD gamma[]; };
layout(std430, set = 0, binding = 4) readonly buffer Beta { QUAD beta[]; };
layout(std430, set = 0, binding = 5) readonly buffer Mean { QUAD mean[]; };
layout(std430, set = 0, binding = 6) readonly buffer InvStd { QUAD invStd[]; };
layout(std430, set = 0, binding = 7) writeonly buffer Partials { QUAD partials[]; };
#ifdef RESIDUAL
layout(std430, set = 0, binding = 8) buffer Dresidual { QUAD dresidual[]; };
#endif

void main() {
  uint lane = flat_invocation();
  uint block = lane / quads, quad = lane % quads;
  uint first = block * rowsPerBlock;
  if (first >= m) return;
  uint end = min(m, first + rowsPerBlock);
  vec4 center = unpack_quad(mean[quad]), inverse = unpack_quad(invStd[quad]), scale = inverse, shift = vec4(0);
  if (affine != 0) {
    scale *= unpack_quad(gamma[quad]);
    shift = unpack_quad(beta[quad]);
  }
  vec4 sum = vec4(0), weighted = vec4(0);
  for (uint r = first; r < end; r++) {
    uint i = r * quads + quad;
    vec4 g = unpack_quad(dy[i]), v = unpack_quad(x[i]);
    if (MASK == 1) g = mix(g, vec4(0), lessThanEqual(unpack_quad(y[i]), vec4(0)));
    if (MASK == 2) g = mix(g, vec4(0), lessThanEqual(batchnorm(v, center, scale, shift), vec4(0)));
    sum += g;
    weighted += g * ((v - center) * inverse);
#ifdef RESIDUAL
    dresidual[i] = pack_quad(accumulate != 0 ? unpack_quad(dresidual[i]) + g : g);
#endif
  }
  uint o = (firstBlock + block) * 2 * quads + quad;
  partials[o] = pack_quad(sum);
  partials[o + quads] = pack_quad(weighted);
}

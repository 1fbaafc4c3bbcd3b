// A data gradient whose result is the gradient of a batch normalisation's output (NORM_SUMS): stored is g, the result, zero where the ReLU behind that normalisation was closed; partials get,
// per block of rows and column, the sums of g and g xhat that its backward pass needs, xhat = (normX - mean) invStd, from g as stored.
// MASK: as in norm/batchnorm_bwd_reduce.glsl: 0 no ReLU, 1 by the sign of normY, 2 recomputed from normX, 3 recomputed with gamma and beta for scale and shift; 4 by the bits that norm/batchnorm_fwd.glsl leaves, in normY's place. normX, normY: as out; the others: [K].
READ_ACTIVATIONS(2, NormX, normX);
READ_ACTIVATIONS(3, NormY, normY);
layout(std430, set = 0, binding = 3) readonly buffer NormOpen { uint normOpen[]; };
READ_QUADS(4, Gamma, gamma);
READ_QUADS(5, Beta, beta);
READ_QUADS(6, Mean, mean);
READ_QUADS(7, InvStd, invStd);

struct Norm { vec4 center, scale, shift; };
struct NormSums { vec4 total, weighted; };  // weighted: without invStd

Norm norm_of(int k) {
  vec4 inverse = invStd[k];
  return Norm(mean[k], MASK == 3u ? gamma[k] : inverse * gamma[k], beta[k]);
}

// For mask 4 the bits of quad `at` and, above them, of the next: at is even, or the next is not looked at.
uint open_bits(int at) { return normOpen[at >> 3] >> 4 * (at & 7); }
vec4 of_bits(uint bits) { return vec4(uvec4(bits, bits >> 1, bits >> 2, bits >> 3) & 1u); }

// y: of normY, for mask 1, or of its bits for mask 4.
vec4 open_gradient(vec4 g, vec4 x, vec4 y, Norm n) {
  if (MASK == 1u || MASK == 4u) return mix(g, vec4(0), lessThanEqual(y, vec4(0)));
  return masked(MASK, g, x, n.center, n.scale, n.shift);
}

void add_to(inout NormSums s, vec4 g, vec4 x, Norm n) {
  s.total += g;
  s.weighted += g * (x - n.center);
}

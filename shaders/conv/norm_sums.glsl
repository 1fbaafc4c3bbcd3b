// A data gradient whose result is the gradient of a batch normalisation's output (NORM_SUMS): stored is g, the result, zero where the ReLU behind that normalisation was closed; partials get,
// per block of rows and column, the sums of g and g xhat that its backward pass needs, xhat = (normX - mean) invStd, from g as stored.
// MASK: as in norm/batchnorm_bwd_reduce.glsl: 0 no ReLU, 1 by the sign of normY, 2 recomputed from normX, 3 recomputed with gamma and beta for scale and shift; 4 by the signs of normY as norm/batchnorm_fwd.glsl leaves them, in its place; 5 the
// same, where normX is not known: the sums of g xhat are zero. normX, normY: as out; the others: [K].
READ_ACTIVATIONS(2, NormX, normX);
READ_ACTIVATIONS(3, NormY, normY);
layout(std430, set = 0, binding = 3) readonly buffer NormSigns { uint normSigns[]; };
READ_QUADS(4, Gamma, gamma);
READ_QUADS(5, Beta, beta);
READ_QUADS(6, Mean, mean);
READ_QUADS(7, InvStd, invStd);

const bool BY_SIGNS = MASK >= 4u, WEIGHTED = MASK != 5u;

struct Norm { vec4 center, scale, shift; };
struct NormSums { vec4 total, weighted; };  // weighted: without invStd

Norm norm_of(int k) {
  vec4 inverse = invStd[k];
  return Norm(mean[k], MASK == 3u ? gamma[k] : inverse * gamma[k], beta[k]);
}

// For masks 4 and 5 the signs of quad `at`, of column k, and, above them, of the next: at is even, or the next is not looked at.
uint signs_of(int at, int k) { return normSigns[at >> 3] >> 4 * (k & 7); }
bvec4 closed_by(uint signs, uint first) { return equal(uvec4(signs) & uvec4(1, 2, 4, 8) << first, uvec4(0)); }
bvec4 closed_by(vec4 y) { return lessThanEqual(y, vec4(0)); }

// closed: where the ReLU was, for masks 1, 4 and 5.
vec4 open_gradient(vec4 g, vec4 x, bvec4 closed, Norm n) {
  if (MASK == 1u || BY_SIGNS) return mix(g, vec4(0), closed);
  return masked(MASK, g, x, n.center, n.scale, n.shift);
}

void add_to(inout NormSums s, vec4 g, vec4 x, Norm n) {
  s.total += g;
  if (WEIGHTED) s.weighted += g * (x - n.center);
}

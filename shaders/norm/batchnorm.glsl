#include "normalise.glsl"
// What forward and backward must compute alike to the bit: the sign of the result decides where a recomputed ReLU lets the gradient through.
vec4 batchnorm(vec4 x, vec4 mean, vec4 scale, vec4 beta) {
  precise vec4 y = (x - mean) * scale + beta;
  return y;
}

// Normalisations. What forward and backward must compute alike to the bit: the sign of the result decides where a recomputed ReLU lets the gradient through.
vec4 batchnorm(vec4 x, vec4 mean, vec4 scale, vec4 beta) {
  precise vec4 y = (x - mean) * scale + beta;
  return y;
}

// As one multiply-add, for an op that normalises where it loads. `precise` asks for one operation everywhere, but glslang decorates no fma(): whether a driver fuses it or rounds the product is the driver's choice.
// Forward and backward are alike to the bit because both are this same instruction and compilers treat it alike in all kernels, which SPIR-V does not promise; between devices results differ by that rounding.
vec4 normalised(vec4 x, vec4 scale, vec4 shift) {
  precise vec4 y = fma(x, scale, shift);
  return y;
}

// ReLU; NaN stays NaN.
vec4 rectified(vec4 x) { return mix(x, vec4(0), lessThan(x, vec4(0))); }

// Of four stored values a bit each, one where the ReLU behind them lets the gradient through.
uint open_bits(vec4 y) {
  uvec4 open = mix(uvec4(1, 2, 4, 8), uvec4(0), lessThanEqual(y, vec4(0)));
  return open.x | open.y | open.z | open.w;
}

// g, zero where the ReLU behind a normalisation was closed, with mask 2 that of batchnorm(), with 3 that of normalised().
vec4 masked(uint mask, vec4 g, vec4 x, vec4 mean, vec4 scale, vec4 shift) {
  if (mask == 2u) return mix(g, vec4(0), lessThanEqual(batchnorm(x, mean, scale, shift), vec4(0)));
  if (mask == 3u) return mix(g, vec4(0), lessThanEqual(normalised(x, scale, shift), vec4(0)));
  return g;
}

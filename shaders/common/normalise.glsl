// A normalisation as one multiply-add, for an op that applies it where it loads. Backward recomputes it to find where a ReLU behind it was open: precise, so that both agree to the bit.
vec4 normalised(vec4 x, vec4 scale, vec4 shift) {
  precise vec4 y = fma(x, scale, shift);
  return y;
}

// ReLU; NaN stays NaN.
vec4 rectified(vec4 x) { return mix(x, vec4(0), lessThan(x, vec4(0))); }

// Four values in two 32-bit words: fp16, or with BF16 bfloat16 (the upper half of an fp32). No extension and no device feature is needed, arithmetic is fp32 in either case.
// to_words rounds to the nearest, ties to even; what is beyond the largest becomes infinite, NaN stays NaN.
#ifdef BF16
vec4 from_words(uvec2 words) { return uintBitsToFloat(uvec4(words.x << 16, words.x & 0xffff0000u, words.y << 16, words.y & 0xffff0000u)); }

uvec2 to_words(vec4 v) {
  uvec4 bits = floatBitsToUint(v), even = bits + 0x7fffu + (bits >> 16 & 1u);
  // Rounding could carry a NaN's bits beyond its exponent.
  even = mix(even, bits | 0x400000u, greaterThan(bits & 0x7fffffffu, uvec4(0x7f800000u)));
  return even.xz >> 16 | even.yw & 0xffff0000u;
}
#else
vec4 from_words(uvec2 words) { return vec4(unpackHalf2x16(words.x), unpackHalf2x16(words.y)); }

// packHalf2x16 alone may truncate and saturate (lavapipe 22.3.6 does), which biases sums and hides overflows from the loss scale. What it is given here is a half already: a sum with 2^13 times v's power of two
// (of a subnormal half, 2^-14) rounds to the halves' quantum there.
uvec2 to_words(vec4 v) {
  uvec4 bits = floatBitsToUint(v);
  vec4 large = uintBitsToFloat(clamp(bits & 0x7f800000u, uvec4(0x38800000u), uvec4(0x47800000u)) + 0x06800000u);
  precise vec4 sum = abs(v) + large;
  precise vec4 size = sum - large;
  size = mix(size, vec4(1.0 / 0.0), greaterThan(size, vec4(65504)));
  vec4 half4 = uintBitsToFloat(floatBitsToUint(size) | bits & 0x80000000u);
  return uvec2(packHalf2x16(half4.xy), packHalf2x16(half4.zw));
}
#endif

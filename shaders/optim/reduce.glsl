// Sum over the workgroup in a fixed order; the result is in lane 0. Includers set LANES to the local size.
shared vec2 lane_sums[LANES];

vec2 reduce(vec2 x) {
  lane_sums[gl_LocalInvocationIndex] = x;
  for (uint half_ = LANES / 2; half_ > 0; half_ >>= 1) {
    barrier();
    if (gl_LocalInvocationIndex < half_) lane_sums[gl_LocalInvocationIndex] += lane_sums[gl_LocalInvocationIndex + half_];
  }
  return lane_sums[0];
}

// Statistics of all rows from those of blocks of rows, merged pairwise in a fixed order: (n, mean, M2) of a and b have
// mean = mean_a + d n_b / n and M2 = M2_a + M2_b + d^2 n_a n_b / n with d = mean_b - mean_a.
// partials: [blocks, 2, 4*quads] -> mean, invStd: [4*quads]; running mean and variance (unbiased) move towards them by momentum.
// Means are merged as deviations from the first block's, so that a large common mean costs no digits.
// Dispatch: SLICES lanes per quad, each over every SLICES-th block, then a tree. Traffic: reads the partials once.
#include "grid.glsl"
#include "quad.glsl"
const uint QUADS = LANES / SLICES;
layout(local_size_x = LANES) in;
layout(push_constant) uniform Params { uint m; uint quads; uint rowsPerBlock; uint blocks; float eps; float momentum; };
READ_QUADS(0, Partials, partials);
layout(std430, set = 0, binding = 1) writeonly buffer Mean { vec4 mean[]; };
layout(std430, set = 0, binding = 2) writeonly buffer InvStd { vec4 invStd[]; };
layout(std430, set = 0, binding = 3) buffer RunningMean { vec4 runningMean[]; };
layout(std430, set = 0, binding = 4) buffer RunningVar { vec4 runningVar[]; };

struct Moments { float n; vec4 mean; vec4 m2; };

void merge(inout Moments a, Moments b) {
  float n = a.n + b.n;
  vec4 d = b.mean - a.mean;
  float share = b.n / max(n, 1);
  a = Moments(n, a.mean + d * share, a.m2 + b.m2 + d * d * (a.n * share));
}

#if SLICES > 1
shared Moments sums[LANES];
#endif

void main() {
  uint quad = flat_group() * QUADS + gl_LocalInvocationIndex % QUADS;
  uint slice = gl_LocalInvocationIndex / QUADS;
  bool used = quad < quads;
  vec4 origin = used ? QUAD(partials, quad) : vec4(0);
  Moments all = Moments(0, vec4(0), vec4(0));
  for (uint b = slice; used && b < blocks; b += SLICES) {
    uint i = b * 2 * quads + quad;
    merge(all, Moments(float(min(rowsPerBlock, m - b * rowsPerBlock)), QUAD(partials, i) - origin, QUAD(partials, i + quads)));
  }
#if SLICES > 1
  sums[gl_LocalInvocationIndex] = all;
  for (uint width = SLICES / 2; width > 0; width /= 2) {
    barrier();
    if (slice < width) {
      merge(all, sums[gl_LocalInvocationIndex + width * QUADS]);
      sums[gl_LocalInvocationIndex] = all;
    }
  }
#endif
  if (slice != 0 || !used) return;
  vec4 average = origin + all.mean;
  mean[quad] = average;
  invStd[quad] = 1 / sqrt(all.m2 / all.n + eps);
  runningMean[quad] = mix(runningMean[quad], average, momentum);
  runningVar[quad] = mix(runningVar[quad], all.m2 / max(all.n - 1, 1), momentum);
}

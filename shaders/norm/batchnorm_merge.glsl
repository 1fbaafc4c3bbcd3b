// Statistics of all rows from those of blocks of rows, merged pairwise in a fixed order: (n, mean, M2) of a and b have
// mean = mean_a + d n_b / n and M2 = M2_a + M2_b + d^2 n_a n_b / n with d = mean_b - mean_a.
// partials: [blocks, 2, 4*quads] -> mean, invStd: [4*quads]; running mean and variance (unbiased) move towards them by momentum.
// With TO_BLOCKS each perMerged blocks become one: partials -> merged: [ceil(blocks / perMerged), 2, 4*quads].
// Means are merged as deviations from the first block's, so that a large common mean costs no digits.
// Dispatch: SLICES lanes per quad (and merged block), each over every SLICES-th block, then a tree. Traffic: reads the partials once.
#include "grid.glsl"
#include "quad.glsl"
#include "merged_blocks.glsl"
layout(local_size_x = LANES) in;
READ_QUADS(0, Partials, partials);
#ifdef TO_BLOCKS
layout(push_constant) uniform Params { uint m; uint quads; uint rowsPerBlock; uint blocks; uint perMerged; };
layout(std430, set = 0, binding = 1) writeonly buffer Merged { vec4 merged[]; };
#else
layout(push_constant) uniform Params { uint m; uint quads; uint rowsPerBlock; uint blocks; float eps; float momentum; };
layout(std430, set = 0, binding = 1) writeonly buffer Mean { vec4 mean[]; };
layout(std430, set = 0, binding = 2) writeonly buffer InvStd { vec4 invStd[]; };
layout(std430, set = 0, binding = 3) buffer RunningMean { vec4 runningMean[]; };
layout(std430, set = 0, binding = 4) buffer RunningVar { vec4 runningVar[]; };
#endif

struct Sum { vec4 value; vec4 rest; };
struct Moments { float n; Sum mean; Sum m2; };

// Keeps what rounding takes from the sum: over hundreds of blocks it would grow to several times the rounding of a value.
void add(inout Sum a, vec4 b) {
  precise vec4 sum = a.value + b;
  precise vec4 added = sum - a.value;
  precise vec4 lost = (a.value - (sum - added)) + (b - added);
  a = Sum(sum, a.rest + lost);
}

void merge(inout Moments a, float n, vec4 mean, vec4 m2) {
  vec4 d = (mean - a.mean.value) - a.mean.rest;
  float share = n / max(a.n + n, 1);
  add(a.m2, m2 + d * d * (a.n * share));
  add(a.mean, d * share);
  a.n += n;
}

float rows_of(uint block) { return float(min(rowsPerBlock, m - block * rowsPerBlock)); }

#if SLICES > 1
struct Part { float n; vec4 mean; vec4 m2; };
shared Part parts[LANES];

Part part(Moments a) { return Part(a.n, a.mean.value + a.mean.rest, a.m2.value + a.m2.rest); }
#endif

void main() {
#ifdef TO_BLOCKS
  Blocks b = blocks_of_lane(quads, blocks, perMerged);
#else
  Blocks b = blocks_of_lane(quads, blocks, blocks);
#endif
  vec4 origin = b.begin < b.end ? QUAD(partials, b.begin * 2 * quads + b.quad) : vec4(0);
  Moments all = Moments(0, Sum(vec4(0), vec4(0)), Sum(vec4(0), vec4(0)));
#if SLICES == 1
  for (uint i = b.begin; i < b.end; i++) merge(all, rows_of(i), QUAD(partials, i * 2 * quads + b.quad) - origin, QUAD(partials, (i * 2 + 1) * quads + b.quad));
#else
  // Several blocks' loads before the first use.
  for (uint first = b.begin + b.slice; first < b.end; first += AT_ONCE * SLICES) {
    vec4 means[AT_ONCE], m2s[AT_ONCE];
    for (uint j = 0; j < AT_ONCE; j++) {
      uint i = min(first + j * SLICES, b.end - 1) * 2 * quads + b.quad;
      means[j] = QUAD(partials, i);
      m2s[j] = QUAD(partials, i + quads);
    }
    for (uint j = 0; j < AT_ONCE; j++)
      if (first + j * SLICES < b.end) merge(all, rows_of(first + j * SLICES), means[j] - origin, m2s[j]);
  }
  parts[gl_LocalInvocationIndex] = part(all);
  for (uint width = SLICES / 2; width > 0; width /= 2) {
    barrier();
    if (b.slice < width) {
      Part other = parts[gl_LocalInvocationIndex + width * QUADS];
      merge(all, other.n, other.mean, other.m2);
      parts[gl_LocalInvocationIndex] = part(all);
    }
  }
#endif
  if (b.slice != 0 || b.begin == b.end) return;
  vec4 average = origin + (all.mean.value + all.mean.rest), m2 = all.m2.value + all.m2.rest;
#ifdef TO_BLOCKS
  merged[b.block * 2 * quads + b.quad] = average;
  merged[(b.block * 2 + 1) * quads + b.quad] = m2;
#else
  mean[b.quad] = average;
  invStd[b.quad] = 1 / sqrt(m2 / all.n + eps);
  runningMean[b.quad] = mix(runningMean[b.quad], average, momentum);
  runningVar[b.quad] = mix(runningVar[b.quad], m2 / max(all.n - 1, 1), momentum);
#endif
}

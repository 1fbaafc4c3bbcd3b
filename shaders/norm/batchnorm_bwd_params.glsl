// Sums over all rows from those of blocks of rows, in a fixed order: sums[0] = sum g = dbeta, sums[1] = sum g xhat = dgamma.
// partials: [blocks, 2, 4*quads] -> sums: [2, 4*quads]; dgamma, dbeta: [4*quads], set or, with accumulate, added to.
// With TO_BLOCKS each perMerged blocks become one: partials -> merged: [ceil(blocks / perMerged), 2, 4*quads].
// Dispatch: SLICES lanes per quad (and merged block), each over every SLICES-th block, then a tree. Traffic: reads the partials once.
#include "grid.glsl"
#include "quad.glsl"
const uint QUADS = LANES / SLICES;
layout(local_size_x = LANES) in;
READ_QUADS(0, Partials, partials);
#ifdef TO_BLOCKS
layout(push_constant) uniform Params { uint quads; uint blocks; uint perMerged; };
layout(std430, set = 0, binding = 1) writeonly buffer Merged { vec4 merged[]; };
#else
layout(push_constant) uniform Params { uint quads; uint blocks; uint accumulate; };
layout(std430, set = 0, binding = 1) writeonly buffer Sums { vec4 sums[]; };
layout(std430, set = 0, binding = 2) buffer Dgamma { vec4 dgamma[]; };
layout(std430, set = 0, binding = 3) buffer Dbeta { vec4 dbeta[]; };
#endif
#if SLICES > 1
shared vec4 sliceSum[LANES], sliceWeighted[LANES];
#endif

void main() {
  uint group = flat_group(), begin = 0, end = blocks;
#ifdef TO_BLOCKS
  uint groups = (quads + QUADS - 1) / QUADS, block = group / groups;
  group %= groups;
  begin = min(blocks, block * perMerged);
  end = min(blocks, begin + perMerged);
#endif
  uint quad = group * QUADS + gl_LocalInvocationIndex % QUADS, slice = gl_LocalInvocationIndex / QUADS;
  bool used = quad < quads && begin < blocks;
  vec4 sum = vec4(0), weighted = vec4(0);
#if SLICES == 1
  for (uint b = begin; used && b < end; b++) {
    sum += QUAD(partials, b * 2 * quads + quad);
    weighted += QUAD(partials, (b * 2 + 1) * quads + quad);
  }
#else
  // Several blocks' loads before the first use.
  for (uint first = begin + slice; used && first < end; first += AT_ONCE * SLICES) {
    vec4 sumsOf[AT_ONCE], weightedOf[AT_ONCE];
    for (uint j = 0; j < AT_ONCE; j++) {
      uint b = min(first + j * SLICES, end - 1);
      sumsOf[j] = QUAD(partials, b * 2 * quads + quad);
      weightedOf[j] = QUAD(partials, (b * 2 + 1) * quads + quad);
    }
    for (uint j = 0; j < AT_ONCE; j++)
      if (first + j * SLICES < end) {
        sum += sumsOf[j];
        weighted += weightedOf[j];
      }
  }
  sliceSum[gl_LocalInvocationIndex] = sum;
  sliceWeighted[gl_LocalInvocationIndex] = weighted;
  for (uint width = SLICES / 2; width > 0; width /= 2) {
    barrier();
    if (slice < width) {
      sliceSum[gl_LocalInvocationIndex] = sum += sliceSum[gl_LocalInvocationIndex + width * QUADS];
      sliceWeighted[gl_LocalInvocationIndex] = weighted += sliceWeighted[gl_LocalInvocationIndex + width * QUADS];
    }
  }
#endif
  if (slice != 0 || !used) return;
#ifdef TO_BLOCKS
  merged[block * 2 * quads + quad] = sum;
  merged[(block * 2 + 1) * quads + quad] = weighted;
#else
  sums[quad] = sum;
  sums[quads + quad] = weighted;
  dbeta[quad] = accumulate != 0 ? dbeta[quad] + sum : sum;
  dgamma[quad] = accumulate != 0 ? dgamma[quad] + weighted : weighted;
#endif
}

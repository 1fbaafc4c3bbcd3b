// Sums over all rows from those of blocks of rows, in a fixed order: sums[0] = sum g = dbeta, sums[1] = sum g xhat = dgamma.
// partials: [blocks, 2, 4*quads] -> sums: [2, 4*quads]; dgamma, dbeta: [4*quads], set or, with accumulate, added to.
// With TO_BLOCKS each perMerged blocks become one: partials -> merged: [ceil(blocks / perMerged), 2, 4*quads].
// Dispatch: SLICES lanes per quad (and merged block), each over every SLICES-th block, then a tree. Traffic: reads the partials once.
#include "grid.glsl"
#include "quad.glsl"
#include "merged_blocks.glsl"
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
#ifdef TO_BLOCKS
  Blocks b = blocks_of_lane(quads, blocks, perMerged);
#else
  Blocks b = blocks_of_lane(quads, blocks, blocks);
#endif
  vec4 sum = vec4(0), weighted = vec4(0);
#if SLICES == 1
  for (uint i = b.begin; i < b.end; i++) {
    sum += QUAD(partials, i * 2 * quads + b.quad);
    weighted += QUAD(partials, (i * 2 + 1) * quads + b.quad);
  }
#else
  // Several blocks' loads before the first use.
  for (uint first = b.begin + b.slice; first < b.end; first += AT_ONCE * SLICES) {
    vec4 sumsOf[AT_ONCE], weightedOf[AT_ONCE];
    for (uint j = 0; j < AT_ONCE; j++) {
      uint i = min(first + j * SLICES, b.end - 1) * 2 * quads + b.quad;
      sumsOf[j] = QUAD(partials, i);
      weightedOf[j] = QUAD(partials, i + quads);
    }
    for (uint j = 0; j < AT_ONCE; j++)
      if (first + j * SLICES < b.end) {
        sum += sumsOf[j];
        weighted += weightedOf[j];
      }
  }
  sliceSum[gl_LocalInvocationIndex] = sum;
  sliceWeighted[gl_LocalInvocationIndex] = weighted;
  for (uint width = SLICES / 2; width > 0; width /= 2) {
    barrier();
    if (b.slice < width) {
      sliceSum[gl_LocalInvocationIndex] = sum += sliceSum[gl_LocalInvocationIndex + width * QUADS];
      sliceWeighted[gl_LocalInvocationIndex] = weighted += sliceWeighted[gl_LocalInvocationIndex + width * QUADS];
    }
  }
#endif
  if (b.slice != 0 || b.begin == b.end) return;
#ifdef TO_BLOCKS
  merged[b.block * 2 * quads + b.quad] = sum;
  merged[(b.block * 2 + 1) * quads + b.quad] = weighted;
#else
  sums[b.quad] = sum;
  sums[quads + b.quad] = weighted;
  dbeta[b.quad] = accumulate != 0 ? dbeta[b.quad] + sum : sum;
  dgamma[b.quad] = accumulate != 0 ? dgamma[b.quad] + weighted : weighted;
#endif
}

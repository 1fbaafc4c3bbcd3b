// A lane's share of the partials [blocks, 2, 4*quads] that a kernel merges, SLICES lanes to a quad: of `quad` every SLICES-th block from begin + slice on, before end. They become block `block` of
// ceil(blocks / perMerged); begin = end where there is nothing to do.
const uint QUADS = LANES / SLICES;
struct Blocks { uint quad, slice, block, begin, end; };

Blocks blocks_of_lane(uint quads, uint blocks, uint perMerged) {
  uint groups = (quads + QUADS - 1) / QUADS, block = flat_group() / groups, quad = flat_group() % groups * QUADS + gl_LocalInvocationIndex % QUADS;
  uint begin = min(blocks, block * perMerged), end = quad < quads ? min(blocks, begin + perMerged) : begin;
  return Blocks(quad, gl_LocalInvocationIndex / QUADS, block, begin, end);
}

// Statistics of blocks of rows: mean and M2 = sum (x - mean)^2 per channel.
// x: [m, 4*quads] -> partials: [blocks, 2, 4*quads], of which this dispatch writes the blocks from firstBlock on; the last block may have fewer rows.
// Deviations are taken from the block's first row, itself a value of the block: M2 >= (n-1)/n of the largest squared deviation, so the
// subtraction below loses at most a factor n of a block's rows, whatever mean / std is.
// Dispatch: one lane per (block, quad). Traffic: reads x once, writes 2 / rowsPerBlock of it.
#include "grid.glsl"
#include "quad.glsl"
layout(local_size_x = LANES) in;
layout(push_constant) uniform Params { uint m; uint quads; uint rowsPerBlock; uint firstBlock; };
layout(std430, set = 0, binding = 0) readonly buffer X { QUAD x[]; };
layout(std430, set = 0, binding = 1) writeonly buffer Partials { QUAD partials[]; };

void main() {
  uint lane = flat_invocation();
  uint block = lane / quads, quad = lane % quads;
  uint first = block * rowsPerBlock;
  if (first >= m) return;
  uint count = min(rowsPerBlock, m - first);
  uint i = first * quads + quad;
  vec4 origin = unpack_quad(x[i]);
  vec4 sum = vec4(0), squares = vec4(0);
  for (uint r = 1; r < count; r++) {
    i += quads;
    vec4 d = unpack_quad(x[i]) - origin;
    sum += d;
    squares += d * d;
  }
  vec4 offset = sum / float(count);
  uint o = (firstBlock + block) * 2 * quads + quad;
  partials[o] = pack_quad(origin + offset);
  partials[o + quads] = pack_quad(max(squares - sum * offset, vec4(0)));
}

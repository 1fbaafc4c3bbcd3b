// Sums of columns over blocks of rows. x: [m, 4*quads] -> partials: [blocks, 4*quads], written from firstBlock on.
// Dispatch: one lane per (block, quad). Traffic: reads x once, writes 1 / rowsPerBlock of it.
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
  uint end = min(m, first + rowsPerBlock);
  vec4 sum = vec4(0);
  for (uint r = first; r < end; r++) sum += unpack_quad(x[r * quads + quad]);
  partials[(firstBlock + block) * quads + quad] = pack_quad(sum);
}

// Sums of columns over blocks of rows. x: [m, 4*quads] -> partials: [blocks, 4*quads], written from firstBlock on.
// Dispatch: one share of rows per block. Traffic: reads x once, writes 1 / rowsPerBlock of it.
#include "grid.glsl"
#include "quad.glsl"
#include "rows.glsl"
layout(local_size_x = LANES) in;
layout(push_constant) uniform Params { uint m; uint quads; uint rowsPerBlock; uint firstBlock; };
READ_QUADS(0, X, x);
layout(std430, set = 0, binding = 1) writeonly buffer Partials { vec4 partials[]; };

void main() {
  Share s = share_of_block(flat_invocation(), m, quads, rowsPerBlock);
  if (s.first >= s.end) return;
  vec4 sum[COLUMNS];
  for (uint k = 0; k < COLUMNS; k++) sum[k] = vec4(0);
  for (uint r = s.first; r < s.end; r++) {
    for (uint k = 0; k < COLUMNS; k++) {
      if (COLUMN(s, k) < quads) sum[k] += QUAD(x, r * quads + COLUMN(s, k));
    }
  }
  for (uint k = 0; k < COLUMNS; k++) {
    if (COLUMN(s, k) < quads) partials[(firstBlock + s.slot) * quads + COLUMN(s, k)] = sum[k];
  }
}

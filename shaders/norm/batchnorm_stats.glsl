// Statistics of blocks of rows: mean and M2 = sum (x - mean)^2 per channel.
// x: [m, 4*quads] -> partials: [blocks, 2, 4*quads], of which this dispatch writes the blocks from firstBlock on; the last block may have fewer rows.
// Deviations are taken from the block's first row, itself a value of the block: M2 >= n/(n-1) of its own squared deviation from the mean, so the sum of
// squares is at most n M2, and the subtraction below loses at most that factor, whatever mean / std is.
// Dispatch: one share of rows per block. Traffic: reads x once, writes 2 / rowsPerBlock of it.
#include "grid.glsl"
#include "quad.glsl"
#include "rows.glsl"
layout(local_size_x = LANES) in;
layout(push_constant) uniform Params { uint m; uint quads; uint rowsPerBlock; uint firstBlock; };
READ_ACTIVATIONS(0, X, x);
layout(std430, set = 0, binding = 1) writeonly buffer Partials { vec4 partials[]; };

void main() {
  Share s = share_of_block(flat_invocation(), m, quads, rowsPerBlock);
  if (s.first >= s.end) return;
  vec4 origin[COLUMNS], sum[COLUMNS], squares[COLUMNS];
  for (uint k = 0; k < COLUMNS; k++) {
    origin[k] = ACTIVATION(x, s.first * quads + min(COLUMN(s, k), quads - 1));
    sum[k] = squares[k] = vec4(0);
  }
  for (uint r = s.first + 1; r < s.end; r++) {
    for (uint k = 0; k < COLUMNS; k++) {
      if (COLUMN(s, k) >= quads) continue;
      vec4 d = ACTIVATION(x, r * quads + COLUMN(s, k)) - origin[k];
      sum[k] += d;
      squares[k] += d * d;
    }
  }
  for (uint k = 0; k < COLUMNS; k++) {
    if (COLUMN(s, k) >= quads) continue;
    vec4 offset = sum[k] / float(s.end - s.first);
    uint o = (firstBlock + s.slot) * 2 * quads + COLUMN(s, k);
    partials[o] = origin[k] + offset;
    partials[o + quads] = max(squares[k] - sum[k] * offset, vec4(0));
  }
}

// Backward of y = max pool of relu(x scale + shift) as maxpool_fwd normalises on load, and of the batch norm that scale = gamma invStd and shift stand for:
//   dx = scale (g - sums[0] / count - xhat sums[1] / count), xhat = (x - mean) invStd,
// g[n,h,w,c] = sum of dy[n,p,q,c] over the windows whose maximum was at (h,w), in a fixed order (last p, then last q, first), zero where the ReLU was closed.
// dy: [N,P,Q,4*quads], argmax: [N,P,Q,quads], x, dx: [N,H,W,4*quads]; scale, shift, mean, invStd: [4*quads]; sums: [2,4*quads] over all rows of x (maxpool_bwd_reduce); inverseCount = 1 / count.
// Dispatch: one share of blocks of x per lane (rows.glsl), a block being BLOCK x BLOCK pixels that lie under the same windows. Traffic: reads x, dy and argmax (ceil(R / stride) ceil(S / stride) times per block, from caches), writes dx.
#include "grid.glsl"
#include "quad.glsl"
#include "rows.glsl"
#include "normalise.glsl"
#include "maxpool.glsl"
const uint MASK = 3;  // normalise.glsl
layout(local_size_x = LANES) in;
layout(push_constant) uniform Params { uint N; uint blocksPerLane; float inverseCount; };
READ_ACTIVATIONS(0, Dy, dy);
#include "argmax.glsl"
READ_ACTIVATIONS(2, X, x);
READ_QUADS(3, Scale, scale);
READ_QUADS(4, Shift, shift);
READ_QUADS(5, Mean, mean);
READ_QUADS(6, InvStd, invStd);
READ_QUADS(7, Sums, sums);
WRITE_ACTIVATIONS(8, Dx, dx);

// Pixels h with the same (h + pad) / stride; larger strides would take too many registers, and a CPU driver too long to compile.
#ifdef WORD
const uint BLOCK = 1;
#else
const uint BLOCK = stride == 2 ? 2 : 1;
#endif
const uint BEFORE = BLOCK > 1 ? pad : 0;  // where the first block begins, before the image: h and w wrap around to large numbers

void main() {
  uint rows = (H + BEFORE + BLOCK - 1) / BLOCK, columns = (W + BEFORE + BLOCK - 1) / BLOCK;
  Share share = share_of_rows(flat_invocation(), N * rows * columns, quads, blocksPerLane);
  if (share.first >= share.end) return;
  vec4 gain[COLUMNS], offset[COLUMNS], center[COLUMNS], average[COLUMNS], slope[COLUMNS];
  for (uint k = 0; k < COLUMNS; k++) {
    uint c = min(COLUMN(share, k), quads - 1);
    gain[k] = QUAD(scale, c);
    offset[k] = QUAD(shift, c);
    center[k] = QUAD(mean, c);
    average[k] = QUAD(sums, c) * inverseCount;
    slope[k] = QUAD(sums, quads + c) * inverseCount * QUAD(invStd, c);
  }
  for (uint block = share.first; block < share.end; block += share.step) {
    uint w = block % columns * BLOCK - BEFORE, h = block / columns % rows * BLOCK - BEFORE, n = block / (rows * columns);
    for (uint k = 0; k < COLUMNS; k++) {
      uint quad = COLUMN(share, k);
      if (quad >= quads) continue;
      vec4 vs[BLOCK * BLOCK], sum[BLOCK * BLOCK];
      for (uint j = 0; j < BLOCK * BLOCK; j++) {
        bool inside = h + j / BLOCK < H && w + j % BLOCK < W;
        vs[j] = ACTIVATION(x, inside ? ((n * H + h + j / BLOCK) * W + w + j % BLOCK) * quads + quad : quad);
        sum[j] = vec4(0);
      }
      // From the last window that starts at or before these pixels back to the first that may reach them; below 0, p and q wrap around too.
      for (uint back = 0; back < (R + stride - 1) / stride; back++) {
        uint p = (h + pad) / stride - back, r = h + pad - p * stride;
        if (p >= P || r >= R) continue;
        for (uint left = 0; left < (S + stride - 1) / stride; left++) {
          uint q = (w + pad) / stride - left, s = w + pad - q * stride;
          if (q >= Q || s >= S) continue;
          uint o = ((n * P + p) * Q + q) * quads + quad;
          uvec4 at = positions(o);
          vec4 g = ACTIVATION(dy, o);
          for (uint j = 0; j < BLOCK * BLOCK; j++)
            if (r + j / BLOCK < R && s + j % BLOCK < S) sum[j] += mix(vec4(0), g, equal(at, uvec4((r + j / BLOCK) * S + s + j % BLOCK)));
        }
      }
      for (uint j = 0; j < BLOCK * BLOCK; j++) {
        if (h + j / BLOCK >= H || w + j % BLOCK >= W) continue;
        vec4 g = masked(MASK, sum[j], vs[j], center[k], gain[k], offset[k]);
        STORE(dx, ((n * H + h + j / BLOCK) * W + w + j % BLOCK) * quads + quad, gain[k] * (g - average[k] - (vs[j] - center[k]) * slope[k]));
      }
    }
  }
}

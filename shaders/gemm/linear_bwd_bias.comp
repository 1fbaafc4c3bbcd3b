// part[b,k] = sum of dy[m,k] over the rows of block b; gemm/sum_parts adds the blocks.  dy: [M,K], part: [blocks,K].
// Dispatch: an invocation per block and vec4 of columns. Reads dy once, writes part once.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "grid.glsl"
layout(local_size_x = 64) in;
layout(std430, binding = 0) readonly buffer Dy { vec4 dy[]; };
layout(std430, binding = 1) writeonly buffer Parts { vec4 part[]; };
layout(push_constant) uniform Params { uint M, K4, blocks, firstBlock; };

void main() {
  uint i = flat_invocation(), block = i / K4, k = i % K4, rows = (M + blocks - 1u) / blocks;
  if (block >= blocks) return;
  vec4 sum = vec4(0);
  for (uint m = block * rows; m < min(M, (block + 1u) * rows); m++) sum += dy[m * K4 + k];
  part[(firstBlock + block) * K4 + k] = sum;
}

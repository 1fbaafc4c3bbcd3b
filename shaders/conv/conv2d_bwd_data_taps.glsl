// One invocation per block of 4 channels x 4 columns: reads four vec4 along k, writes four along c.
#include "grid.glsl"
layout(local_size_x = 64) in;
layout(std430, binding = 1) writeonly buffer Taps { vec4 taps[]; };
layout(push_constant) uniform Params { int R, S, firstR, firstS, stride, kernelS, C4, K4; };

void main() {
  int i = int(flat_invocation()), k = i % K4, c = i / K4 % C4, tap = i / K4 / C4, r = tap / S;
  if (tap >= R * S) return;
  int from = ((firstR - r * stride) * kernelS + firstS - (tap - r * S) * stride) * C4 * 4 + c * 4;
  mat4 block = transpose(mat4(load(from * K4 + k), load((from + 1) * K4 + k), load((from + 2) * K4 + k), load((from + 3) * K4 + k)));
  for (int e = 0; e < 4; e++) taps[((tap * K4 + k) * 4 + e) * C4 + c] = block[e];
}

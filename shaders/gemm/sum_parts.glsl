#include "grid.glsl"
layout(local_size_x = LANES) in;
layout(constant_id = 0) const bool ACCUMULATE = false;  // adds to sum
layout(constant_id = 1) const uint SLICES = 1;          // lanes of a vec4: each over every SLICES-th part, then a tree
layout(std430, binding = 1) buffer Sum { vec4 total[]; };
layout(push_constant) uniform Params { int parts, n4; };
#define SUMMED vec4
#include "reduce.glsl"

void main() {
  uint t = gl_LocalInvocationIndex, here = LANES / SLICES, slice = t / here;
  int i = int(flat_group() * here + t % here);
  vec4 sum = ACCUMULATE && slice == 0 && i < n4 ? total[i] : vec4(0);
  for (int p = int(slice); i < n4 && p < parts; p += int(SLICES)) sum += load(p * n4 + i);
  if (SLICES > 1) sum = sum_of_slices(sum, SLICES);
  if (slice == 0 && i < n4) total[i] = sum;
}

#include "grid.glsl"
layout(local_size_x = 64) in;
layout(constant_id = 0) const bool ACCUMULATE = false;  // adds to sum
layout(std430, binding = 1) buffer Sum { vec4 total[]; };
layout(push_constant) uniform Params { int parts, n4; };

void main() {
  int i = int(flat_invocation());
  if (i >= n4) return;
  vec4 sum = ACCUMULATE ? total[i] : vec4(0);
  for (int p = 0; p < parts; p++) sum += load(p * n4 + i);
  total[i] = sum;
}

// y = a + b. a, b, y: count quads. y may be a or b.
// Dispatch: a workgroup takes LANES * reps neighbouring quads. Traffic: reads a, b, writes y.
#include "grid.glsl"
#include "flat.glsl"
#include "quad.glsl"
layout(local_size_x = LANES) in;
layout(push_constant) uniform Params { uint count; uint reps; };
READ_QUADS(0, A, a);
READ_QUADS(1, B, b);
layout(std430, set = 0, binding = 2) writeonly buffer Y { vec4 y[]; };

void main() {
  FlatShare s = flat_share(count, reps);
  for (uint i = s.first; i < s.end; i += s.step) y[i] = QUAD(a, i) + QUAD(b, i);
}

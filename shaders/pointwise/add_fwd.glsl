// y = a + b. a, b, y: count quads. y may be a or b.
// Dispatch: a workgroup takes LANES * reps neighbouring quads. Traffic: reads a, b, writes y.
#include "grid.glsl"
#include "flat.glsl"
#include "quad.glsl"
layout(local_size_x = LANES) in;
layout(push_constant) uniform Params { uint count; uint reps; };
layout(std430, set = 0, binding = 0) readonly buffer A { QUAD a[]; };
layout(std430, set = 0, binding = 1) readonly buffer B { QUAD b[]; };
layout(std430, set = 0, binding = 2) writeonly buffer Y { QUAD y[]; };

void main() {
  FlatShare s = flat_share(count, reps);
  for (uint i = s.first; i < s.end; i += s.step) y[i] = pack_quad(unpack_quad(a[i]) + unpack_quad(b[i]));
}

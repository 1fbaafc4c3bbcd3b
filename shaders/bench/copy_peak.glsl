// y = x, of which the device's memory speed is read: x, y: count quads, far larger than any cache.
// Dispatch: a workgroup takes LANES * reps neighbouring quads. Traffic: reads x, writes y.
#include "grid.glsl"
#include "flat.glsl"
#include "quad.glsl"
layout(local_size_x = LANES) in;
layout(push_constant) uniform Params { uint count; uint reps; };
READ_QUADS(0, X, x);
layout(std430, set = 0, binding = 1) writeonly buffer Y { vec4 y[]; };

void main() {
  FlatShare s = flat_share(count, reps);
  for (uint i = s.first; i < s.end; i += s.step) y[i] = QUAD(x, i);
}

// y = x where x > 0, else 0; NaN stays NaN. x, y: count quads. y may be x.
// Dispatch: a workgroup takes LANES * reps neighbouring quads. Traffic: reads x, writes y.
#include "grid.glsl"
#include "flat.glsl"
#include "quad.glsl"
layout(local_size_x = LANES) in;
layout(push_constant) uniform Params { uint count; uint reps; };
layout(std430, set = 0, binding = 0) readonly buffer X { QUAD x[]; };
layout(std430, set = 0, binding = 1) writeonly buffer Y { QUAD y[]; };

void main() {
  FlatShare s = flat_share(count, reps);
  for (uint i = s.first; i < s.end; i += s.step) {
    vec4 v = unpack_quad(x[i]);
    y[i] = pack_quad(mix(v, vec4(0), lessThanEqual(v, vec4(0))));
  }
}

// y = x where x > 0, else 0; NaN stays NaN. x, y: count quads. y may be x.
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
  for (uint i = s.first; i < s.end; i += s.step) {
    vec4 v = QUAD(x, i);
    y[i] = mix(v, vec4(0), lessThanEqual(v, vec4(0)));
  }
}

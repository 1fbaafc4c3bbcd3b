// dx = dy, zero where y <= 0 (the ReLU was closed). dy, y, dx: count quads. dx may be dy.
// Dispatch: a workgroup takes LANES * reps neighbouring quads. Traffic: reads dy, y, writes dx.
#include "grid.glsl"
#include "flat.glsl"
#include "quad.glsl"
layout(local_size_x = LANES) in;
layout(push_constant) uniform Params { uint count; uint reps; };
READ_QUADS(0, Dy, dy);
READ_QUADS(1, Y, y);
layout(std430, set = 0, binding = 2) writeonly buffer Dx { vec4 dx[]; };

void main() {
  FlatShare s = flat_share(count, reps);
  for (uint i = s.first; i < s.end; i += s.step) {
    dx[i] = mix(QUAD(dy, i), vec4(0), lessThanEqual(QUAD(y, i), vec4(0)));
  }
}

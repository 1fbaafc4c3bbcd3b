// dx = dy, zero where y <= 0 (the ReLU was closed). dy, y, dx: count quads. dx may be dy.
// Dispatch: a workgroup takes LANES * reps neighbouring quads. Traffic: reads dy, y, writes dx.
#include "grid.glsl"
#include "flat.glsl"
#include "quad.glsl"
layout(local_size_x = LANES) in;
layout(push_constant) uniform Params { uint count; uint reps; };
layout(std430, set = 0, binding = 0) readonly buffer Dy { QUAD dy[]; };
layout(std430, set = 0, binding = 1) readonly buffer Y { QUAD y[]; };
layout(std430, set = 0, binding = 2) writeonly buffer Dx { QUAD dx[]; };

void main() {
  FlatShare s = flat_share(count, reps);
  for (uint i = s.first; i < s.end; i += s.step) {
    dx[i] = pack_quad(mix(unpack_quad(dy[i]), vec4(0), lessThanEqual(unpack_quad(y[i]), vec4(0))));
  }
}

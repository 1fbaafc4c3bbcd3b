// dx = (dz - z (z . dz)) / |x| per row; dz / eps where |x| < eps, since the divisor is a constant there.
// dz, z, dx: [m, 4*quads]; norm: [m]. dx may be dz.
// Dispatch: ROW_LANES lanes per row. Traffic: reads dz and z twice (the second time from caches), writes dx.
#include "grid.glsl"
#include "quad.glsl"
layout(local_size_x = LANES) in;
#include "row_lanes.glsl"
layout(push_constant) uniform Params { uint m; uint quads; float eps; };
layout(std430, set = 0, binding = 0) readonly buffer Dz { QUAD dz[]; };
layout(std430, set = 0, binding = 1) readonly buffer Z { QUAD z[]; };
layout(std430, set = 0, binding = 2) readonly buffer Norm { float norm[]; };
layout(std430, set = 0, binding = 3) writeonly buffer Dx { QUAD dx[]; };

void main() {
  uint row = ROW_OF_LANE;
  if (row >= m) return;
  float along = 0;
  for (uint q = LANE_OF_ROW; q < quads; q += ROW_LANES) along += dot(unpack_quad(dz[row * quads + q]), unpack_quad(z[row * quads + q]));
  along = row_sum(along);
  if (norm[row] < eps) along = 0;
  float size = max(norm[row], eps);
  for (uint q = LANE_OF_ROW; q < quads; q += ROW_LANES) {
    uint i = row * quads + q;
    dx[i] = pack_quad((unpack_quad(dz[i]) - unpack_quad(z[i]) * along) / size);
  }
}

// dx = (dz - z (z . dz)) / |x| per row; dz / eps where |x| < eps, since the divisor is a constant there.
// dz, z, dx: [m, 4*quads]; norm: [m]. dx may be dz.
// Dispatch: ROW_LANES lanes per row. Traffic: reads dz and z twice (the second time from caches), writes dx.
#include "grid.glsl"
#include "quad.glsl"
layout(local_size_x = LANES) in;
#include "row_lanes.glsl"
layout(push_constant) uniform Params { uint m; uint quads; float eps; };
READ_QUADS(0, Dz, dz);
READ_QUADS(1, Z, z);
layout(std430, set = 0, binding = 2) readonly buffer Norm { float norm[]; };
layout(std430, set = 0, binding = 3) writeonly buffer Dx { vec4 dx[]; };

void main() {
  uint row = ROW_OF_LANE;
  if (row >= m) return;
  float along = 0;
  for (uint q = LANE_OF_ROW; q < quads; q += ROW_LANES) along += dot(QUAD(dz, row * quads + q), QUAD(z, row * quads + q));
  along = row_sum(along);
  if (norm[row] < eps) along = 0;
  float size = max(norm[row], eps);
  for (uint q = LANE_OF_ROW; q < quads; q += ROW_LANES) {
    uint i = row * quads + q;
    dx[i] = (QUAD(dz, i) - QUAD(z, i) * along) / size;
  }
}

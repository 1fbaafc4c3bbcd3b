// z = x / max(|x|, eps) per row. x, z: [m, 4*quads]; norm: [m], |x| for the backward pass. z may be x.
// Dispatch: ROW_LANES lanes per row. Traffic: reads x twice (the second time from caches), writes z.
#include "grid.glsl"
#include "quad.glsl"
layout(local_size_x = LANES) in;
#include "row_lanes.glsl"
layout(push_constant) uniform Params { uint m; uint quads; float eps; };
READ_QUADS(0, X, x);
layout(std430, set = 0, binding = 1) writeonly buffer Z { vec4 z[]; };
layout(std430, set = 0, binding = 2) writeonly buffer Norm { float norm[]; };

void main() {
  uint row = ROW_OF_LANE;
  if (row >= m) return;
  float squares = 0;
  for (uint q = LANE_OF_ROW; q < quads; q += ROW_LANES) {
    vec4 v = QUAD(x, row * quads + q);
    squares += dot(v, v);
  }
  float size = sqrt(row_sum(squares));
  for (uint q = LANE_OF_ROW; q < quads; q += ROW_LANES) z[row * quads + q] = QUAD(x, row * quads + q) / max(size, eps);
  if (LANE_OF_ROW == 0) norm[row] = size;
}

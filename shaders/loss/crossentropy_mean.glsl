// loss = mean of the rows' losses, correct = number of rows whose label has the largest logit. rows: [m, 2]; loss, correct: [1].
// Dispatch: one workgroup. Traffic: reads the rows once.
#include "grid.glsl"
layout(local_size_x = LANES) in;
#include "row_lanes.glsl"
layout(push_constant) uniform Params { uint m; };
layout(std430, set = 0, binding = 0) readonly buffer Rows { vec2 rows[]; };
layout(std430, set = 0, binding = 1) writeonly buffer Loss { float loss[]; };
layout(std430, set = 0, binding = 2) writeonly buffer Correct { float correct[]; };

void main() {
  if (ROW_OF_LANE > 0) return;
  vec2 sum = vec2(0);
  for (uint r = LANE_OF_ROW; r < m; r += ROW_LANES) sum += rows[r];
  float total = row_sum(sum.x), hits = row_sum(sum.y);
  if (LANE_OF_ROW == 0) {
    loss[0] = total / float(m);
    correct[0] = hits;
  }
}

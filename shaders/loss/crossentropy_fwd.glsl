// Softmax cross-entropy of each row with its label, and its gradient: loss = log sum_k exp l_k - l_label over the first `classes` columns,
// dlogits = (softmax - [k = label]) gradScale (SCALED: times the step's loss scale), zero in the columns of padding. A label >= classes makes the row's loss and gradient NaN.
// logits, dlogits: [m, 4*quads]; labels: [m]; step: [4] where SCALED, else anything; rows: [m, 2]: loss, and 1 where the label is the first of the largest logits, else 0. dlogits may be logits.
// Dispatch: ROW_LANES lanes per row. Traffic: reads logits three times (from caches after the first), writes dlogits.
#include "grid.glsl"
#include "quad.glsl"
layout(local_size_x = LANES) in;
#include "row_lanes.glsl"
layout(constant_id = 0) const bool SCALED = false;
layout(push_constant) uniform Params { uint m; uint quads; uint classes; float gradScale; };
READ_QUADS(0, Logits, logits);
layout(std430, set = 0, binding = 1) readonly buffer Labels { uint labels[]; };
layout(std430, set = 0, binding = 2) readonly buffer Step { uint step_words[]; };
layout(std430, set = 0, binding = 3) writeonly buffer Dlogits { vec4 dlogits[]; };
layout(std430, set = 0, binding = 4) writeonly buffer Rows { vec2 rows[]; };
#include "step.glsl"

const float LOWEST = -1.0 / 0.0;

// Columns of padding count as -infinity.
vec4 real_logits(uint row, uint q) {
  return mix(vec4(LOWEST), QUAD(logits, row * quads + q), lessThan(uvec4(4 * q) + uvec4(0, 1, 2, 3), uvec4(classes)));
}

void main() {
  uint row = ROW_OF_LANE;
  if (row >= m) return;
  uint label = labels[row];
  float top = LOWEST, chosen = 0, before = LOWEST;
  for (uint q = LANE_OF_ROW; q < quads; q += ROW_LANES) {
    vec4 v = real_logits(row, q);
    for (uint k = 0; k < 4; k++) {
      top = max(top, v[k]);
      if (4 * q + k < label) before = max(before, v[k]);
      if (4 * q + k == label) chosen = v[k];
    }
  }
  top = row_max(top);
  chosen = row_sum(chosen);
  before = row_max(before);
  float sum = 0;
  for (uint q = LANE_OF_ROW; q < quads; q += ROW_LANES) sum += dot(exp(real_logits(row, q) - top), vec4(1));
  sum = row_sum(sum);
  // A label that is no class makes loss and gradient NaN, so that no step is made with them.
  float nan = uintBitsToFloat(0x7FC00000u);
  float factor = label < classes ? (SCALED ? gradScale * step_loss_scale() : gradScale) : nan;
  for (uint q = LANE_OF_ROW; q < quads; q += ROW_LANES) {
    vec4 target = vec4(equal(uvec4(4 * q) + uvec4(0, 1, 2, 3), uvec4(label)));
    dlogits[row * quads + q] = (exp(real_logits(row, q) - top) / sum - target) * factor;
  }
  if (LANE_OF_ROW == 0) {
    float loss = label < classes ? log(sum) + top - chosen : nan;
    rows[row] = vec2(loss, chosen == top && before < top && label < classes ? 1 : 0);
  }
}

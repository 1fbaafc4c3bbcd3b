// Shared by clip_fwd and clip_bwd (all variants). Logit l_ij = exp(logit_scale) x_i . y_j; row i and column j of the same sample belong together.
// Windows as in contrastive.glsl: ...At is the first row's position in its binding, in vec4.
#include "grid.glsl"

layout(push_constant) uniform Push {
  uint rows;
  uint firstRow;    // sample of the first row
  uint cols;
  uint firstCol;    // sample of the first column
  uint words;       // P / 4
  uint rowAt, colAt;
  uint splits;      // forward: workgroups that share the columns of a row tile. backward: column tiles of the slab
  uint resume;      // forward: 1 = go on from the partial states of the columns before
  uint stateRowAt;  // backward: the first row's and the first column's index in the states
  uint stateColAt;
  uint samples;     // all samples
};

const float MASKED = -3.0e38;
const float EMPTY = -1.0e30;

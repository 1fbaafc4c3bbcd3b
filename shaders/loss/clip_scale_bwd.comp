#version 460
// Gradient of logit_scale: loss scale / (4N) times the sum over rows of (mean logit under the softmax - own logit), as dl/dlogit_scale = l.
// Shapes: state [rows, 4], step [4], dlogit_scale [1]. Dispatch: 1 workgroup. Traffic: state once.
#extension GL_GOOGLE_include_directive : require
layout(local_size_x = 256) in;
layout(std430, binding = 0) readonly buffer State { vec4 state[]; };
layout(std430, binding = 1) readonly buffer Step { uint step_words[]; };
layout(std430, binding = 2) writeonly buffer Gradient { float dlogit_scale; };
layout(push_constant) uniform Push {
  uint rows;
  uint samples;
};
#include "grid.glsl"
#include "step.glsl"
#define LANES 256
#define SUMMED float
#include "reduce.glsl"

void main() {
  if (flat_group() != 0) return;
  uint lane = gl_LocalInvocationIndex;
  float sum = 0.0;
  for (uint r = lane; r < rows; r += 256) sum += state[r].y - state[r].z;
  sum = sum_of_lanes(sum);
  if (lane == 0) dlogit_scale = sum * step_loss_scale() / (4.0 * float(samples));
}

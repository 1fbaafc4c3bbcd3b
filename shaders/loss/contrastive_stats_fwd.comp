#version 460
// Reduces the samples' terms to the loss and the step's statistics, in a fixed order.
//   loss = mean over rows; stats = (loss, mean target entropy, mean share of the target on the own other view, embedding_std), where embedding_std is
//   the standard deviation (n - 1) over rows of each dimension of z, averaged over dimensions.
// Shapes: terms [samples, 4] = (loss of row 1, loss of row 2, entropy, own share), moments [chunks, dims, 4]; loss [1], stats [4].
// Dispatch: 1 workgroup. Traffic: terms and moments once.
#extension GL_GOOGLE_include_directive : require
layout(local_size_x = 256) in;
layout(std430, binding = 0) readonly buffer Terms { vec4 terms[]; };
layout(std430, binding = 1) readonly buffer Moments { vec4 moments[]; };
layout(std430, binding = 2) writeonly buffer Loss { float loss[]; };
layout(std430, binding = 3) writeonly buffer Stats { vec4 stats[]; };
layout(push_constant) uniform Push {
  uint samples;
  uint chunks;
  uint dims;
};
#include "grid.glsl"
#define LANES 256
#define SUMMED vec4
#include "reduce.glsl"

float deviation(uint dim) {
  vec3 all = vec3(0.0);
  for (uint c = 0; c < chunks; c++) {
    vec3 next = moments[c * dims + dim].xyz;
    float n = all.x + next.x;
    float delta = next.y - all.y;
    all = vec3(n, all.y + delta * next.x / n, all.z + next.z + delta * delta * all.x * next.x / n);
  }
  return sqrt(all.z / max(all.x - 1.0, 1.0));
}

void main() {
  if (flat_group() != 0) return;
  uint lane = gl_LocalInvocationIndex;
  vec4 sum = vec4(0.0);
  for (uint s = lane; s < samples; s += 256) {
    vec4 t = terms[s];
    sum.xyz += vec3(0.5 * (t.x + t.y), t.z, t.w);
  }
  sum.xyz /= float(samples);
  for (uint d = lane; d < dims; d += 256) sum.w += deviation(d) / float(dims);
  sum = sum_of_lanes(sum);
  if (lane == 0) {
    loss[0] = sum.x;
    stats[0] = sum;
  }
}

// Body of sgd_update, both variants. The includer declares the buffers, LANES (the local size) and GRADIENT(at), VALUE(at), VELOCITY(at) (vec4 `at` of a bound range).
layout(push_constant) uniform Push {
  uint firstChunk;
  uint chunkCount;
  float momentum;
  float decay;
  uint nesterov;
};
#include "step.glsl"
#include "chunks.glsl"

void main() {
  uint group = flat_group();
  if (group >= chunkCount || result.w == 0.0) return;
  uvec4 chunk = chunk_of(group);
  float lr = step_learning_rate();
  float wd = chunk.w == 1 ? decay : 0.0;
  for (uint word = gl_LocalInvocationIndex; word < words_of(chunk); word += LANES) {
    uint at = chunk.x + word;
    vec4 w = VALUE(at);
    vec4 g = result.y * GRADIENT(at) + wd * w;
    vec4 v = momentum * VELOCITY(at) + g;
    velocity[at] = v;
    values[at] = w - lr * (nesterov == 1 ? g + momentum * v : v);
  }
}

// Body of lars_update, both variants. The includer declares the buffers, LANES (the local size) and GRADIENT(at), VALUE(at), VELOCITY(at) (vec4 `at` of a bound range).
layout(push_constant) uniform Push {
  uint firstChunk;
  uint chunkCount;
  float momentum;
  float decay;
};
#include "step.glsl"
#include "chunks.glsl"

void main() {
  uint group = flat_group();
  if (group >= chunkCount || result.w == 0.0) return;
  uvec4 chunk = chunk_of(group);
  float rate = step_learning_rate() * ratio[chunk.z];
  float wd = chunk.w == 1 ? decay : 0.0;
  for (uint word = gl_LocalInvocationIndex; word < words_of(chunk); word += LANES) {
    uint at = chunk.x + word;
    vec4 w = VALUE(at);
    vec4 v = momentum * VELOCITY(at) + rate * (result.y * GRADIENT(at) + wd * w);
    velocity[at] = v;
    values[at] = w - v;
  }
}

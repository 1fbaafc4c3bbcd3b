// Body of lars_chunks_update, both variants. The includer declares the buffers, LANES (the local size) and GRADIENT(at), VALUE(at) (vec4 `at` of a bound range).
layout(push_constant) uniform Push {
  uint firstChunk;
  uint chunkCount;
  float decay;
};
#include "chunks.glsl"
#define SUMMED vec2
#include "reduce.glsl"

void main() {
  uint group = flat_group();
  if (group >= chunkCount) return;
  uvec4 chunk = chunk_of(group);
  if (chunk.w == 0) return;
  vec4 ww = vec4(0.0);
  vec4 gg = vec4(0.0);
  for (uint word = gl_LocalInvocationIndex; word < words_of(chunk); word += LANES) {
    vec4 w = within(chunk, word, VALUE(chunk.x + word));
    vec4 g = result.y * within(chunk, word, GRADIENT(chunk.x + word)) + decay * w;
    ww += w * w;
    gg += g * g;
  }
  vec2 sum = sum_of_lanes(vec2(ww.x + ww.y + ww.z + ww.w, gg.x + gg.y + gg.z + gg.w));
  if (gl_LocalInvocationIndex == 0) partial[firstChunk + group] = sum;
}

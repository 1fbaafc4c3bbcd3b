// Body of gradnorm_chunks_update, both variants. The includer declares the buffers, LANES (the local size) and GRADIENT(at) (vec4 `at` of a bound range).
layout(push_constant) uniform Push {
  uint firstChunk;
  uint chunkCount;
};
#include "step.glsl"
#include "chunks.glsl"
#define SUMMED vec2
#include "reduce.glsl"

void main() {
  uint group = flat_group();
  if (group >= chunkCount) return;
  uvec4 chunk = chunk_of(group);
  float unscale = 1.0 / step_loss_scale();
  vec4 squares = vec4(0.0);
  uvec4 bad = uvec4(0);
  for (uint word = gl_LocalInvocationIndex; word < words_of(chunk); word += LANES) {
    vec4 g = within(chunk, word, GRADIENT(chunk.x + word));
    bad += uvec4(equal(floatBitsToUint(g) & 0x7F800000u, uvec4(0x7F800000u)));
    g *= unscale;
    squares += g * g;
  }
  vec2 sum = sum_of_lanes(vec2(squares.x + squares.y + squares.z + squares.w, float(bad.x + bad.y + bad.z + bad.w)));
  if (gl_LocalInvocationIndex == 0) partial[firstChunk + group] = sum;
}

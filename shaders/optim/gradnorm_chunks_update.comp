#version 460
// First pass of the gradients' norm: partial[chunk] = (sum of squares of g / loss scale, number of non-finite elements).
// Shapes: gradients: one range of the flat buffer; chunks [all, 4]; step [8]; partial [all, 2].
// Dispatch: one workgroup per chunk of the range. Traffic: gradients once.
#extension GL_GOOGLE_include_directive : require
layout(local_size_x = 256) in;
layout(std430, binding = 0) readonly buffer Gradients { vec4 gradients[]; };
layout(std430, binding = 1) readonly buffer Chunks { uvec4 chunks[]; };
layout(std430, binding = 2) readonly buffer Step { uint step_words[]; };
layout(std430, binding = 3) writeonly buffer Partial { vec2 partial[]; };
layout(push_constant) uniform Push {
  uint firstChunk;
  uint chunkCount;
};
#include "step.glsl"
#include "chunks.glsl"
#define LANES 256
#include "reduce.glsl"

void main() {
  uint group = flat_group();
  if (group >= chunkCount) return;
  uvec4 chunk = chunk_of(group);
  float unscale = 1.0 / step_loss_scale();
  vec4 squares = vec4(0.0);
  uvec4 bad = uvec4(0);
  for (uint word = gl_LocalInvocationIndex; word < words_of(chunk); word += LANES) {
    vec4 g = within(chunk, word, gradients[chunk.x + word]);
    bad += uvec4(equal(floatBitsToUint(g) & 0x7F800000u, uvec4(0x7F800000u)));
    g *= unscale;
    squares += g * g;
  }
  vec2 sum = reduce(vec2(squares.x + squares.y + squares.z + squares.w, float(bad.x + bad.y + bad.z + bad.w)));
  if (gl_LocalInvocationIndex == 0) partial[firstChunk + group] = sum;
}

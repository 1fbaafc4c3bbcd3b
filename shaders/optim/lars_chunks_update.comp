#version 460
// Norms for LARS: partial[chunk] = (sum of w^2, sum of (factor * gradient + decay * w)^2), for chunks of tensors that adapt.
// Shapes: one range of the flat buffers; chunks [all, 4]; result [4]; partial [all, 2]. Dispatch: one workgroup per chunk. Traffic: g and w once.
#extension GL_GOOGLE_include_directive : require
layout(local_size_x = 256) in;
layout(std430, binding = 0) readonly buffer Gradients { vec4 gradients[]; };
layout(std430, binding = 1) readonly buffer Values { vec4 values[]; };
layout(std430, binding = 2) readonly buffer Chunks { uvec4 chunks[]; };
layout(std430, binding = 3) readonly buffer Result { vec4 result; };
layout(std430, binding = 4) writeonly buffer Partial { vec2 partial[]; };
layout(push_constant) uniform Push {
  uint firstChunk;
  uint chunkCount;
  float decay;
};
#include "chunks.glsl"
#define LANES 256
#include "reduce.glsl"

void main() {
  uint group = flat_group();
  if (group >= chunkCount) return;
  uvec4 chunk = chunk_of(group);
  if (chunk.w == 0) return;
  vec4 ww = vec4(0.0);
  vec4 gg = vec4(0.0);
  for (uint word = gl_LocalInvocationIndex; word < words_of(chunk); word += LANES) {
    vec4 w = within(chunk, word, values[chunk.x + word]);
    vec4 g = result.y * within(chunk, word, gradients[chunk.x + word]) + decay * w;
    ww += w * w;
    gg += g * g;
  }
  vec2 sum = reduce(vec2(ww.x + ww.y + ww.z + ww.w, gg.x + gg.y + gg.z + gg.w));
  if (gl_LocalInvocationIndex == 0) partial[firstChunk + group] = sum;
}

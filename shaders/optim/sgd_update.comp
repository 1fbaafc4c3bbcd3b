#version 460
// SGD in torch's sense: g = factor * gradient + decay * w; v = momentum * v + g; w -= lr * (nesterov ? g + momentum * v : v). v starts as zeros, so the
// first v is g. Does nothing where a gradient was not finite.
// Shapes: one range of the flat buffers; chunks [all, 4]; result [4] of gradnorm_update; step [8].
// Dispatch: one workgroup per chunk of the range. Traffic: g, w, v read, w, v written.
#extension GL_GOOGLE_include_directive : require
layout(local_size_x = 256) in;
layout(std430, binding = 0) readonly buffer Gradients { vec4 gradients[]; };
layout(std430, binding = 1) readonly buffer Chunks { uvec4 chunks[]; };
layout(std430, binding = 2) readonly buffer Result { vec4 result; };
layout(std430, binding = 3) readonly buffer Step { uint step_words[]; };
layout(std430, binding = 4) buffer Values { vec4 values[]; };
layout(std430, binding = 5) buffer Momentum { vec4 velocity[]; };
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
  for (uint word = gl_LocalInvocationIndex; word < words_of(chunk); word += gl_WorkGroupSize.x) {
    uint at = chunk.x + word;
    vec4 w = values[at];
    vec4 g = result.y * gradients[at] + wd * w;
    vec4 v = momentum * velocity[at] + g;
    velocity[at] = v;
    values[at] = w - lr * (nesterov == 1 ? g + momentum * v : v);
  }
}

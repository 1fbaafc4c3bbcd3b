#version 460
// AdamW: w *= 1 - lr * decay; m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g^2; w -= lr / (1 - b1^t) * m / (sqrt(v / (1 - b2^t)) + eps), with g =
// factor * gradient and t = the number of updates, this one counted. 1 - b^t comes from -expm1(t ln b): b^t would lose all digits of 1 - 0.999.
// Shapes: one range of the flat buffers; chunks [all, 4]; result [4]; step [8]; updates [1].
// Dispatch: one workgroup per chunk of the range. Traffic: g, w, m, v read, w, m, v written.
#extension GL_GOOGLE_include_directive : require
layout(local_size_x = 256) in;
layout(std430, binding = 0) readonly buffer Gradients { vec4 gradients[]; };
layout(std430, binding = 1) readonly buffer Chunks { uvec4 chunks[]; };
layout(std430, binding = 2) readonly buffer Result { vec4 result; };
layout(std430, binding = 3) readonly buffer Step { uint step_words[]; };
layout(std430, binding = 4) readonly buffer Updates { uint updates; };
layout(std430, binding = 5) buffer Values { vec4 values[]; };
layout(std430, binding = 6) buffer First { vec4 first[]; };
layout(std430, binding = 7) buffer Second { vec4 second[]; };
layout(push_constant) uniform Push {
  uint firstChunk;
  uint chunkCount;
  float decay;
  float epsilon;
  float beta1, rest1, log1;  // b1, 1 - b1, ln b1: each rounded from double
  float beta2, rest2, log2_;
};
#include "step.glsl"
#include "chunks.glsl"

// 1 - exp(-x) for x >= 0: a series where exp would cancel.
float one_minus_exp(float x) {
  if (x > 0.5) return 1.0 - exp(-x);
  float term = x;
  float sum = x;
  for (int k = 2; k < 12; k++) {
    term *= -x / float(k);
    sum += term;
  }
  return sum;
}

void main() {
  uint group = flat_group();
  if (group >= chunkCount || result.w == 0.0) return;
  uvec4 chunk = chunk_of(group);
  float lr = step_learning_rate();
  float shrink = 1.0 - (chunk.w == 1 ? lr * decay : 0.0);
  float t = float(updates);
  float rate = lr / one_minus_exp(-t * log1);
  float root = 1.0 / sqrt(one_minus_exp(-t * log2_));
  for (uint word = gl_LocalInvocationIndex; word < words_of(chunk); word += gl_WorkGroupSize.x) {
    uint at = chunk.x + word;
    vec4 g = result.y * gradients[at];
    vec4 m = beta1 * first[at] + rest1 * g;
    vec4 v = beta2 * second[at] + rest2 * g * g;
    first[at] = m;
    second[at] = v;
    values[at] = values[at] * shrink - rate * m / (sqrt(v) * root + epsilon);
  }
}

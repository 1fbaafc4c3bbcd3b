// Body of adamw_update, both variants. The includer declares the buffers, LANES (the local size) and GRADIENT(at), VALUE(at), FIRST(at), SECOND(at) (vec4 `at` of a bound range).
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
  for (uint word = gl_LocalInvocationIndex; word < words_of(chunk); word += LANES) {
    uint at = chunk.x + word;
    vec4 g = result.y * GRADIENT(at);
    vec4 m = beta1 * FIRST(at) + rest1 * g;
    vec4 v = beta2 * SECOND(at) + rest2 * g * g;
    first[at] = m;
    second[at] = v;
    values[at] = VALUE(at) * shrink - rate * m / (sqrt(v) * root + epsilon);
  }
}

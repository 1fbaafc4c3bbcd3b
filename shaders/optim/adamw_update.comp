#version 460
// AdamW: w *= 1 - lr * decay; m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g^2; w -= lr / (1 - b1^t) * m / (sqrt(v / (1 - b2^t)) + eps), with g =
// factor * gradient and t = the number of updates, this one counted. 1 - b^t comes from -expm1(t ln b): b^t would lose all digits of 1 - 0.999.
// Shapes: one range of the flat buffers; chunks [all, 4]; result [4]; step [4]; updates [1].
// Dispatch: one workgroup per chunk of the range. Traffic: g, w, m, v read, w, m, v written.
#extension GL_GOOGLE_include_directive : require
#define LANES 256
layout(local_size_x = LANES) in;
layout(std430, binding = 0) readonly buffer Gradients { vec4 gradients[]; };
layout(std430, binding = 1) readonly buffer Chunks { uvec4 chunks[]; };
layout(std430, binding = 2) readonly buffer Result { vec4 result; };
layout(std430, binding = 3) readonly buffer Step { uint step_words[]; };
layout(std430, binding = 4) readonly buffer Updates { uint updates; };
layout(std430, binding = 5) buffer Values { vec4 values[]; };
layout(std430, binding = 6) buffer First { vec4 first[]; };
layout(std430, binding = 7) buffer Second { vec4 second[]; };
#define GRADIENT(at) gradients[at]
#define VALUE(at) values[at]
#define FIRST(at) first[at]
#define SECOND(at) second[at]
#include "adamw.glsl"

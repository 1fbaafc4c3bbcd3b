#version 460
// SGD in torch's sense: g = factor * gradient + decay * w; v = momentum * v + g; w -= lr * (nesterov ? g + momentum * v : v). v starts as zeros, so the
// first v is g. Does nothing where a gradient was not finite.
// Shapes: one range of the flat buffers; chunks [all, 4]; result [4] of gradnorm_update; step [4].
// Dispatch: one workgroup per chunk of the range. Traffic: g, w, v read, w, v written.
#extension GL_GOOGLE_include_directive : require
#define LANES 256
layout(local_size_x = LANES) in;
layout(std430, binding = 0) readonly buffer Gradients { vec4 gradients[]; };
layout(std430, binding = 1) readonly buffer Chunks { uvec4 chunks[]; };
layout(std430, binding = 2) readonly buffer Result { vec4 result; };
layout(std430, binding = 3) readonly buffer Step { uint step_words[]; };
layout(std430, binding = 4) buffer Values { vec4 values[]; };
layout(std430, binding = 5) buffer Momentum { vec4 velocity[]; };
#define GRADIENT(at) gradients[at]
#define VALUE(at) values[at]
#define VELOCITY(at) velocity[at]
#include "sgd.glsl"

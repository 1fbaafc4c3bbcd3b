#version 460
// LARS: g = factor * gradient + decay * w; v = momentum * v + lr * ratio * g; w -= v (the learning rate inside the momentum). Does nothing where a
// gradient was not finite.
// Shapes: one range of the flat buffers; chunks [all, 4]; result [4]; step [4]; ratio [tensors].
// Dispatch: one workgroup per chunk of the range. Traffic: g, w, v read, w, v written.
#extension GL_GOOGLE_include_directive : require
#define LANES 256
layout(local_size_x = LANES) in;
layout(std430, binding = 0) readonly buffer Gradients { vec4 gradients[]; };
layout(std430, binding = 1) readonly buffer Chunks { uvec4 chunks[]; };
layout(std430, binding = 2) readonly buffer Result { vec4 result; };
layout(std430, binding = 3) readonly buffer Step { uint step_words[]; };
layout(std430, binding = 4) readonly buffer Ratio { float ratio[]; };
layout(std430, binding = 5) buffer Values { vec4 values[]; };
layout(std430, binding = 6) buffer Momentum { vec4 velocity[]; };
#define GRADIENT(at) gradients[at]
#define VALUE(at) values[at]
#define VELOCITY(at) velocity[at]
#include "lars.glsl"

#version 460
// Norms for LARS: partial[chunk] = (sum of w^2, sum of (factor * gradient + decay * w)^2), for chunks of tensors that adapt.
// Shapes: one range of the flat buffers; chunks [all, 4]; result [4]; partial [all, 2]. Dispatch: one workgroup per chunk. Traffic: g and w once.
#extension GL_GOOGLE_include_directive : require
#define LANES 256
layout(local_size_x = LANES) in;
layout(std430, binding = 0) readonly buffer Gradients { vec4 gradients[]; };
layout(std430, binding = 1) readonly buffer Values { vec4 values[]; };
layout(std430, binding = 2) readonly buffer Chunks { uvec4 chunks[]; };
layout(std430, binding = 3) readonly buffer Result { vec4 result; };
layout(std430, binding = 4) writeonly buffer Partial { vec2 partial[]; };
#define GRADIENT(at) gradients[at]
#define VALUE(at) values[at]
#include "lars_chunks.glsl"

#version 460
// CPU-driver variant of lars_chunks_update: 8 lanes per chunk, gradients and values as texels.
// Dispatch, shapes and traffic: as lars_chunks_update.
#extension GL_GOOGLE_include_directive : require
#define LANES 8
layout(local_size_x = LANES) in;
layout(binding = 0) uniform samplerBuffer gradients_read;
layout(binding = 1) uniform samplerBuffer values_read;
layout(std430, binding = 2) readonly buffer Chunks { uvec4 chunks[]; };
layout(std430, binding = 3) readonly buffer Result { vec4 result; };
layout(std430, binding = 4) writeonly buffer Partial { vec2 partial[]; };
#define GRADIENT(at) texelFetch(gradients_read, int(at))
#define VALUE(at) texelFetch(values_read, int(at))
#include "lars_chunks.glsl"

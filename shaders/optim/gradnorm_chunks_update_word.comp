#version 460
// CPU-driver variant of gradnorm_chunks_update: 8 lanes per chunk, gradients as texels.
// Dispatch, shapes and traffic: as gradnorm_chunks_update.
#extension GL_GOOGLE_include_directive : require
#define LANES 8
layout(local_size_x = LANES) in;
layout(binding = 0) uniform samplerBuffer gradients_read;
layout(std430, binding = 1) readonly buffer Chunks { uvec4 chunks[]; };
layout(std430, binding = 2) readonly buffer Step { uint step_words[]; };
layout(std430, binding = 3) writeonly buffer Partial { vec2 partial[]; };
#define GRADIENT(at) texelFetch(gradients_read, int(at))
#include "gradnorm_chunks.glsl"

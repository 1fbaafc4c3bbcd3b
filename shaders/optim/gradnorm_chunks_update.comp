#version 460
// First pass of the gradients' norm: partial[chunk] = (sum of squares of g / loss scale, number of non-finite elements).
// Shapes: gradients: one range of the flat buffer; chunks [all, 4]; step [4]; partial [all, 2].
// Dispatch: one workgroup per chunk of the range. Traffic: gradients once.
#extension GL_GOOGLE_include_directive : require
#define LANES 256
layout(local_size_x = LANES) in;
layout(std430, binding = 0) readonly buffer Gradients { vec4 gradients[]; };
layout(std430, binding = 1) readonly buffer Chunks { uvec4 chunks[]; };
layout(std430, binding = 2) readonly buffer Step { uint step_words[]; };
layout(std430, binding = 3) writeonly buffer Partial { vec2 partial[]; };
#define GRADIENT(at) gradients[at]
#include "gradnorm_chunks.glsl"

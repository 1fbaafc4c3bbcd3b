#version 460
// CPU-driver variant of adamw_update: 8 lanes per chunk; what is read per element comes in as texels, also of the buffers that are written
// (each element is read by the invocation that then writes it, and by no other).
// Dispatch, shapes and traffic: as adamw_update.
#extension GL_GOOGLE_include_directive : require
#define LANES 8
layout(local_size_x = LANES) in;
layout(binding = 0) uniform samplerBuffer gradients_read;
layout(binding = 1) uniform samplerBuffer values_read;
layout(binding = 2) uniform samplerBuffer first_read;
layout(binding = 3) uniform samplerBuffer second_read;
layout(std430, binding = 4) readonly buffer Chunks { uvec4 chunks[]; };
layout(std430, binding = 5) readonly buffer Result { vec4 result; };
layout(std430, binding = 6) readonly buffer Step { uint step_words[]; };
layout(std430, binding = 7) readonly buffer Updates { uint updates; };
layout(std430, binding = 8) writeonly buffer Values { vec4 values[]; };
layout(std430, binding = 9) writeonly buffer First { vec4 first[]; };
layout(std430, binding = 10) writeonly buffer Second { vec4 second[]; };
#define GRADIENT(at) texelFetch(gradients_read, int(at))
#define VALUE(at) texelFetch(values_read, int(at))
#define FIRST(at) texelFetch(first_read, int(at))
#define SECOND(at) texelFetch(second_read, int(at))
#include "adamw.glsl"

#version 450
#define LANES 256
#define SLICES 64
#extension GL_GOOGLE_include_directive : require
#include "reduce_final.glsl"

#version 450
#define LANES 8
#define SLICES 1
#define WORD
#extension GL_GOOGLE_include_directive : require
#include "batchnorm_merge.glsl"

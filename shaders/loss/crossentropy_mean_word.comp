#version 450
#define LANES 8
#define ROW_LANES 1
#define WORD
#extension GL_GOOGLE_include_directive : require
#include "crossentropy_mean.glsl"

#version 450
#define LANES 64
#define ROW_LANES 64
#extension GL_GOOGLE_include_directive : require
#include "crossentropy_mean.glsl"

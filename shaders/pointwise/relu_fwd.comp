#version 450
#define LANES 256
#extension GL_GOOGLE_include_directive : require
#include "relu_fwd.glsl"

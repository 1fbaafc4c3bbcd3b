#version 450
#define LANES 256
#define AT_ONCE 4
#extension GL_GOOGLE_include_directive : require
#include "batchnorm_fwd.glsl"

#version 450
#define LANES 64
#define WORD
#define AT_ONCE 1
#extension GL_GOOGLE_include_directive : require
#include "maxpool_bwd_reduce.glsl"

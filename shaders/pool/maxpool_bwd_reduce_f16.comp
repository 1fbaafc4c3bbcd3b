#version 450
#define LANES 256
#define F16
#define AT_ONCE 4
#extension GL_GOOGLE_include_directive : require
#include "maxpool_bwd_reduce.glsl"

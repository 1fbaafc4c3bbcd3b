#version 450
#define LANES 256
#define F16
#extension GL_GOOGLE_include_directive : require
#include "maxpool_bwd.glsl"

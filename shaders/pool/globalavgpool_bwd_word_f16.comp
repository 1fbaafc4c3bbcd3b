#version 450
#define LANES 64
#define WORD
#define F16
#extension GL_GOOGLE_include_directive : require
#include "globalavgpool_bwd.glsl"

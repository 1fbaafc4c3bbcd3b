#version 450
#define F16
#extension GL_GOOGLE_include_directive : require
#include "blur_fwd.glsl"

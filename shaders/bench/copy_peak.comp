#version 450
#define LANES 256
#extension GL_GOOGLE_include_directive : require
#include "copy_peak.glsl"

#version 450
#define LANES 64
#define WORD
#extension GL_GOOGLE_include_directive : require
#include "copy_peak.glsl"

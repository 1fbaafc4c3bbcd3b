#version 450
#define WORD
#extension GL_GOOGLE_include_directive : require
#include "conv2d_bwd_data_taps.glsl"

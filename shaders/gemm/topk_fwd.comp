#version 450
#define LANES 64
#define QUERIES 1
#extension GL_GOOGLE_include_directive : require
#include "topk_fwd.glsl"

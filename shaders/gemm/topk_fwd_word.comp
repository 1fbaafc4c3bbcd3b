#version 450
#define LANES 8
#define QUERIES 4
#define WORD
#extension GL_GOOGLE_include_directive : require
#include "topk_fwd.glsl"

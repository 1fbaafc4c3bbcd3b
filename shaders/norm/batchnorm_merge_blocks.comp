#version 450
#define LANES 256
#define SLICES 256
#define AT_ONCE 2
#define TO_BLOCKS
#extension GL_GOOGLE_include_directive : require
#include "batchnorm_merge.glsl"

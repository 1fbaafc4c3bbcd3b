#version 450
#define LANES 256
#define SLICES 32
#define AT_ONCE 4
#define TO_BLOCKS
#extension GL_GOOGLE_include_directive : require
#include "batchnorm_bwd_params.glsl"

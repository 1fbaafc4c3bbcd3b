// dx = g aw' + x wbw' + offset of a 1x1 convolution whose output is not stored (norm/momentnorm_bwd_offset_f16.comp), with the mask and the sums of the batch normalisation whose output's gradient dx is, as
// conv2d_bwd_data_norm_coopmat.  g: [N,H,W,K], x, dx: [N,H,W,C], the weights aw' and below them wbw': [K+C,C]; here x is the second input. All are fp16 or bf16.
// Dispatch: one workgroup per ROWS pixels and COLUMNS channels. Reads g and x once per COLUMNS channels, the weights once per ROWS pixels, normX once; writes dx once.
#version 450
#define NORM_SUMS
#define SECOND
#extension GL_GOOGLE_include_directive : require
#include "matrices.glsl"
#include "conv2d_matrix.glsl"

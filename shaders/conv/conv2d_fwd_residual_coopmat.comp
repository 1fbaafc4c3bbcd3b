// y = relu(scale (x w) + shift + residual), fp16 or bf16, as conv2d_fwd_coopmat sums x w, and the signs of y as stored.  residual: [N,P,Q,K], with NORM 5 residualScale residual + residualShift in its place
// Dispatch: one workgroup per ROWS rows and COLUMNS columns, of which a subgroup has at least 16. Reads x R S / stride^2 times per COLUMNS columns (from caches after the first), w once per ROWS rows, residual once; writes y and a bit for each value once.
#version 450
#define RESIDUAL
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_shader_16bit_storage : require
#include "matrices.glsl"
#include "conv2d_matrix.glsl"

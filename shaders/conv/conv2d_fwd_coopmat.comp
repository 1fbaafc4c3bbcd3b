// y[n,p,q,k] = sum over r, s, c of x[n, p*stride - pad + r, q*stride - pad + s, c] * w[r,s,c,k], fp16.  x: [N,H,W,C], w: [R,S,C,K], y: [N,P,Q,K]
// Dispatch: one workgroup per ROWS rows and COLUMNS columns. Reads x once per COLUMNS columns, w once per ROWS rows; writes y once.
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_cooperative_matrix : require
#extension GL_KHR_memory_scope_semantics : require
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
#include "conv2d_matrix.glsl"

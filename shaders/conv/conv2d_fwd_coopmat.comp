// y[n,p,q,k] = sum over r, s, c of x[n, p*stride - pad + r, q*stride - pad + s, c] * w[r,s,c,k], fp16 or bf16.  x: [N,H,W,C], w: [R,S,C,K], y: [N,P,Q,K]
// Dispatch: one workgroup per ROWS rows and COLUMNS columns. Reads x R S / stride^2 times per COLUMNS columns (from caches after the first), w once per ROWS rows; writes y once.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "matrices.glsl"
#include "conv2d_matrix.glsl"

// dw[r,s,c,k] = sum over n, p, q of x[n, p*stride - pad + r, q*stride - pad + s, c] * dy[n,p,q,k], for one part of the pixels.
// x: [N,H,W,C], dy: [N,P,Q,K] fp16 or bf16, dw: [parts,R,S,C,K] fp32. Dispatch: one workgroup per ROWS rows (r,s,c), COLUMNS columns k and part. Reads x R S / stride^2 times per COLUMNS columns (from caches after the first),
// dy once per ROWS rows; writes dw once per part.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "matrices.glsl"
#include "conv2d_bwd_weight_matrix.glsl"

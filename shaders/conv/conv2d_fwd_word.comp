// y[n,p,q,k] = sum over r, s, c of x[n, p*stride - pad + r, q*stride - pad + s, c] * w[r,s,c,k].  x: [N,H,W,C], w: [R,S,C,K], y: [N,P,Q,K]
// Dispatch: one workgroup per 16 rows and 64 columns. Reads x R S / stride^2 times per 64 columns (from caches after the first), w once per 16 rows; writes y once.
#version 450
#extension GL_GOOGLE_include_directive : require
#define COLUMNS 2
#include "conv2d_word.glsl"

// y[n,p,q,k] = sum over r, s, c of x[n, p*stride - pad + r, q*stride - pad + s, c] * w[r,s,c,k].  x: [N,H,W,C], w: [R,S,C,K], y: [N,P,Q,K]
// Dispatch: one workgroup per 64 rows and 32 QUADS columns. Reads x R S / stride^2 times per tile of columns (from caches after the first), w once per 64 rows; writes y once. Activations and weights are fp16.
#version 450
#define F16
#extension GL_GOOGLE_include_directive : require
#include "conv2d_tile.glsl"

// dw[r,s,c,k] = sum over n, p, q of x[n, p*stride - pad + r, q*stride - pad + s, c] * dy[n,p,q,k], for one part of the pixels.
// x: [N,H,W,C], dy: [N,P,Q,K], dw: [parts,R,S,C,K]. Variant for CPU drivers. Dispatch: one workgroup per 16 rows, 128 columns and part.
// Reads x R S / stride^2 times per 128 columns (from caches after the first), dy once per 16 rows; writes dw once per part.
#version 450
#extension GL_GOOGLE_include_directive : require
#define COLUMNS 4
#include "conv2d_bwd_weight_word.glsl"

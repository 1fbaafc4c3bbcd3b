// taps[r,s,k,c] = w[firstR - r*stride, firstS - s*stride, c, k]: the taps that reach one residue class of input pixels, mirrored and transposed.
// w: [kernelR,kernelS,C,K], taps: [R,S,K,C]. Dispatch: a workgroup per 16 channels x 64 columns of a tap. Reads and writes the class's taps once.
// One invocation per block of 4 channels x 4 columns: reads four vec4 along k, writes four along c. Four neighbours fill a cache line of taps between them: rows lie a power of two apart,
// so lines of a matrix wide enough would fall out of the cache before a later workgroup came back to them.
#include "grid.glsl"
#include "quad.glsl"
layout(local_size_x = 64) in;
READ_ACTIVATIONS(0, Weights, w);
WRITE_ACTIVATIONS(1, Taps, taps);
layout(push_constant) uniform Params { int R, S, firstR, firstS, stride, kernelS, C4, K4; };

void main() {
  int tilesC = (C4 + 3) / 4, tilesK = (K4 + 15) / 16, lane = int(gl_LocalInvocationIndex), group = int(flat_group()), tap = group / tilesK / tilesC, r = tap / S;
  int k = group % tilesK * 16 + lane / 4, c = group / tilesK % tilesC * 4 + lane % 4;
  if (tap >= R * S || k >= K4 || c >= C4) return;
  int from = ((firstR - r * stride) * kernelS + firstS - (tap - r * S) * stride) * C4 * 4 + c * 4;
  mat4 block = transpose(mat4(ACTIVATION(w, from * K4 + k), ACTIVATION(w, (from + 1) * K4 + k), ACTIVATION(w, (from + 2) * K4 + k), ACTIVATION(w, (from + 3) * K4 + k)));
  for (int e = 0; e < 4; e++) STORE(taps, ((tap * K4 + k) * 4 + e) * C4 + c, block[e]);
}

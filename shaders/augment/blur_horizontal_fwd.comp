#version 450
#extension GL_GOOGLE_include_directive : require
// Gaussian blur along the rows, for the images that are blurred (the others' part of y is left alone):
//   y[n,i,j] = sum_k w_k x[n,i,reflect(j+k)] / sum_k w_k,  |k| <= radius.
// table [*], x and y [N,S,S,4]. Dispatch: an invocation per pixel. Traffic: x once through caches, y once.
#include "grid.glsl"
#include "augment.glsl"
#include "blur.glsl"
layout(local_size_x = 64) in;
layout(std430, binding = 0) readonly buffer Table { Entry table[]; };
layout(std430, binding = 1) readonly buffer X { vec4 x[]; };
layout(std430, binding = 2) writeonly buffer Y { vec4 y[]; };
layout(push_constant) uniform Params { uint first, n, size, radius; };

void main() {
  uint pixels = size * size, per_image = (pixels + 63u) / 64u;
  uint image = flat_group() / per_image, p = flat_group() % per_image * 64u + gl_LocalInvocationIndex;
  if (image >= n || p >= pixels || table[first + image].blur == 0u) return;
  uint row = image * pixels + p / size * size;
  int j = int(p % size);

  vec4 sum = x[row + j];
  float total = 1.0;
  Gauss gauss = gauss_start(table[first + image].blur_sigma);
  for (int k = 1; k <= radius; k++) {
    gauss_next(gauss);
    sum += gauss.w * (x[row + reflect_index(j - k, size)] + x[row + reflect_index(j + k, size)]);
    total += 2.0 * gauss.w;
  }
  y[image * pixels + p] = sum / total;
}

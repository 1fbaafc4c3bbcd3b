// Gaussian blur along the columns, written transposed: two passes blur both ways and end upright. Blurred images only; the others' part of y
// is left alone. The last pass also solarises and normalises; before it y is fp32.
//   y[n,j,i] = sum_k w_k x[n,reflect(i+k),j] / sum_k w_k,  w_k = exp(-k*k / (2 sigma*sigma)), |k| <= radius.
// table [*], x and y [N,S,S,4]. Dispatch: per image ceil(ceil(S/8)*S/64) groups; an invocation makes 8 rows of one column, so that each
// pixel is loaded (8 + 2 radius) / 8 times. Traffic: x and y once.
#include "grid.glsl"
#include "quad.glsl"
#include "augment.glsl"
layout(local_size_x = 64) in;
layout(std430, binding = 0) readonly buffer Table { Entry table[]; };
layout(std430, binding = 1) readonly buffer X { vec4 x[]; };
WRITE_ACTIVATIONS(2, Y, y);
layout(push_constant) uniform Params { uint first, n, size, radius; float mean_r, mean_g, mean_b, std_r, std_g, std_b; uint last; };
const int ROWS = 8;

// Mirrored at the edges without repeating them.
int reflect_index(int i, int size) {
  i = abs(i);
  return min(i, 2 * size - 2 - i);
}

void main() {
  uint strips = (size + ROWS - 1) / ROWS, per_image = (strips * size + 63u) / 64u;
  uint image = flat_group() / per_image, item = flat_group() % per_image * 64u + gl_LocalInvocationIndex;
  if (image >= n || item >= strips * size || table[first + image].blur == 0u) return;
  Entry e = table[first + image];
  uint top = item / size * ROWS, column = item % size, base = image * size * size;

  float weight[ROWS], total = 0.0, exponent = -0.5 / (e.blur_sigma * e.blur_sigma);
  vec3 sum[ROWS];
  for (int r = 0; r < ROWS; r++) weight[r] = 0.0, sum[r] = vec3(0.0);
  int reach = int(radius);
  // weight[r] is the weight of the source row top + k for row top + r; it moves on by one row per step.
  for (int k = -reach; k < reach + ROWS; k++) {
    for (int r = ROWS - 1; r > 0; r--) weight[r] = weight[r - 1];
    weight[0] = k <= reach ? exp(exponent * float(k * k)) : 0.0;
    total += weight[0];
    vec3 rgb = x[base + reflect_index(int(top) + k, int(size)) * size + column].rgb;
    for (int r = 0; r < ROWS; r++) sum[r] += weight[r] * rgb;
  }
  vec3 mean = vec3(mean_r, mean_g, mean_b), std = vec3(std_r, std_g, std_b);
  for (int r = 0; r < ROWS; r++) {
    if (top + r >= size) break;
    vec3 rgb = sum[r] / total;
    STORE(y, base + column * size + top + r, last == 0u ? vec4(rgb, 0.0) : finish(e, rgb, mean, std));
  }
}

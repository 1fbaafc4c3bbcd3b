// y[n,c] = mean of x[n,pixel,c] over an image's pixels. x: [N,pixels,4*quads], y: [N,4*quads].
// Dispatch: one lane per quad of y. Traffic: reads x once, writes y.
#include "grid.glsl"
#include "quad.glsl"
layout(local_size_x = LANES) in;
layout(push_constant) uniform Params { uint N; uint pixels; uint quads; };
READ_ACTIVATIONS(0, X, x);
layout(std430, set = 0, binding = 1) writeonly buffer Y { vec4 y[]; };

void main() {
  uint i = flat_invocation();
  if (i >= N * quads) return;
  uint at = i / quads * pixels * quads + i % quads;
  vec4 sum = vec4(0);
  for (uint p = 0; p < pixels; p++) sum += ACTIVATION(x, at + p * quads);
  y[i] = sum / float(pixels);
}

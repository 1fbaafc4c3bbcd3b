// dx[n,pixel,c] = dy[n,c] / pixels. dy: [N,4*quads], dx: [N,pixels,4*quads].
// Dispatch: one lane per quad of dy, writing a quad of every pixel. Traffic: reads dy, writes dx once.
#include "grid.glsl"
#include "quad.glsl"
layout(local_size_x = LANES) in;
layout(push_constant) uniform Params { uint N; uint pixels; uint quads; };
READ_QUADS(0, Dy, dy);
WRITE_ACTIVATIONS(1, Dx, dx);

void main() {
  uint i = flat_invocation();
  if (i >= N * quads) return;
  uint at = i / quads * pixels * quads + i % quads;
  vec4 share = QUAD(dy, i) / float(pixels);
  for (uint p = 0; p < pixels; p++) STORE(dx, at + p * quads, share);
}

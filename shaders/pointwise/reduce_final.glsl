// Sums of columns in a fixed order. x: [m, 4*quads] (values or the sums of blocks) -> y: [4*quads], set or, with accumulate, added to.
// Dispatch: SLICES lanes per quad, each over every SLICES-th row, then a tree. Traffic: reads x once.
#include "grid.glsl"
#include "quad.glsl"
const uint QUADS = LANES / SLICES;
layout(local_size_x = LANES) in;
layout(push_constant) uniform Params { uint m; uint quads; uint accumulate; };
READ_QUADS(0, X, x);
layout(std430, set = 0, binding = 1) buffer Y { vec4 y[]; };
#if SLICES > 1
shared vec4 slices[LANES];
#endif

void main() {
  uint quad = flat_group() * QUADS + gl_LocalInvocationIndex % QUADS;
  uint slice = gl_LocalInvocationIndex / QUADS;
  vec4 sum = vec4(0);
  for (uint r = slice; quad < quads && r < m; r += SLICES) sum += QUAD(x, r * quads + quad);
#if SLICES > 1
  slices[gl_LocalInvocationIndex] = sum;
  for (uint width = SLICES / 2; width > 0; width /= 2) {
    barrier();
    if (slice < width) slices[gl_LocalInvocationIndex] = sum += slices[gl_LocalInvocationIndex + width * QUADS];
  }
#endif
  if (slice == 0 && quad < quads) y[quad] = accumulate != 0 ? y[quad] + sum : sum;
}

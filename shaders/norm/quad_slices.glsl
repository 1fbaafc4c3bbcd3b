// Sums along the rows of matrices [rows, 4*quads]: SLICES lanes per quad, each over every SLICES-th row, then a tree in a fixed order. A workgroup has QUADS quads.
layout(local_size_x = 256) in;
const uint SLICES = 32, QUADS = 256 / SLICES;
uint slice = gl_LocalInvocationIndex / QUADS;
shared vec4 sliceSums[256];

// Every lane of the workgroup must call it.
vec4 over_slices(vec4 own) {
  uint t = gl_LocalInvocationIndex;
  barrier();
  sliceSums[t] = own;
  for (uint width = SLICES / 2; width > 0; width /= 2) {
    barrier();
    if (slice < width) sliceSums[t] = own += sliceSums[t + width * QUADS];
  }
  return own;
}

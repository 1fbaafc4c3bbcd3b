// Sums along the rows of matrices [rows, 4*quads]: SLICES lanes per quad, each over every SLICES-th row, then a tree in a fixed order. A workgroup has QUADS quads.
layout(local_size_x = 256) in;
const uint SLICES = 32, QUADS = 256 / SLICES;
uint slice = gl_LocalInvocationIndex / QUADS;
#define LANES 256
#define SUMMED vec4
#include "reduce.glsl"

// Every lane of the workgroup must call it.
vec4 over_slices(vec4 own) { return sum_of_slices(own, SLICES); }

// y = x rounded to 16 bits, fp16 or with BF16 bfloat16. x: count quads of fp32, y: count quads of those. Values beyond the storage's range (fp16: 65,504) become infinite.
// Dispatch: a workgroup takes LANES * reps neighbouring quads. Traffic: reads x, writes y (half of it).
#include "grid.glsl"
#include "flat.glsl"
#include "quad.glsl"
layout(local_size_x = LANES) in;
layout(push_constant) uniform Params { uint count; uint reps; };
READ_QUADS(0, X, x);
WRITE_ACTIVATIONS(1, Y, y);

void main() {
  FlatShare s = flat_share(count, reps);
  for (uint i = s.first; i < s.end; i += s.step) STORE(y, i, QUAD(x, i));
}

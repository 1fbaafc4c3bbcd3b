// Rows of a micro-batch in the tensor of the whole batch. The batch has `samples` samples, view 1 of all of them and then view 2; micro-batch j = index[0] has `rows` rows: both views of
// the `perView` samples from j * perView on, in the same order. Rows are `words` words of 4 bytes.
#include "grid.glsl"
layout(local_size_x = 64) in;
layout(push_constant) uniform Params { uint rows, words, perView, samples; };
layout(std430, set = 0, binding = 1) readonly buffer Index { uint index[]; };

// The batch's word for word i of the micro-batch.
uint in_batch(uint i) {
  uint row = i / words;
  return (row / perView * samples + index[0] * perView + row % perView) * words + i % words;
}

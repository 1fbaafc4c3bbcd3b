// Shared by the multi-tensor kernels: one workgroup (256 lanes, of the word variants 8) works on one chunk, at most 8,192 consecutive elements of one tensor, found in a table.
// Buffers are bound in ranges; a chunk's offset counts from its range's start. Tensors start at multiples of 512 bytes, so the last vec4 of a
// tensor may reach into the gap behind it: what is there means nothing and may be overwritten, but must not enter a sum.
#include "grid.glsl"

// x: first vec4 in the range, y: elements, z: index of the tensor, w: 1 = decay (and adaptation) apply.
uvec4 chunk_of(uint group) { return chunks[firstChunk + group]; }

uint words_of(uvec4 chunk) { return (chunk.y + 3) / 4; }

// x with the elements past the chunk's last one as zeros.
vec4 within(uvec4 chunk, uint word, vec4 x) {
  return mix(vec4(0.0), x, lessThan(4 * word + uvec4(0, 1, 2, 3), uvec4(chunk.y)));
}

// Portable tile: 64 rows by 64 columns of dot products in 256 invocations, staged through shared memory 16 elements of K at a time. Invocation
// (ty, tx) of 16 x 16 holds rows 2 ty, 2 ty + 1, 32 + 2 ty, 33 + 2 ty by the like columns. The two halves of 32 may be the two views of 32
// samples, or, in text_products, two pieces of K of the same 32 samples.
const uint K_STEP = 4;     // vec4
const uint PITCH = 65;     // floats per k; odd, so that a column of stores spreads over the banks
shared float rowTile[16 * PITCH];
shared float colTile[16 * PITCH];

uint tile_index(uint t, uint i) { return (i >> 1) * 32 + 2 * t + (i & 1); }

void stage(uint slot, uint k, vec4 x, vec4 y) {
  [[unroll]] for (uint i = 0; i < 4; i++) {
    rowTile[(4 * k + i) * PITCH + slot] = x[i];
    colTile[(4 * k + i) * PITCH + slot] = y[i];
  }
}

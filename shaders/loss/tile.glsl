// Portable tile: 64 rows by 64 columns of dot products in 256 invocations, (ty, tx) of 16 x 16, with 4 x 4 each, staged through shared memory 16 elements of K at a time.
const uint K_STEP = 4;     // vec4
const uint PITCH = 65;     // floats per k; odd, so that a column of stores spreads over the banks
shared float rowTile[16 * PITCH];
shared float colTile[16 * PITCH];

void stage(uint slot, uint k, vec4 x, vec4 y) {
  [[unroll]] for (uint i = 0; i < 4; i++) {
    rowTile[(4 * k + i) * PITCH + slot] = x[i];
    colTile[(4 * k + i) * PITCH + slot] = y[i];
  }
}

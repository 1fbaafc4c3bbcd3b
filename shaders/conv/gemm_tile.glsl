// The inner product of a 64 x COLUMNS x 16 tile by 64 invocations, COLUMNS = 32 QUADS: each has 8 rows (rowGroup*8 ..) x QUADS vec4 of columns, 32 columns
// apart. TILE_ID, the id of the specialisation constant, is defined by the includer. Shared: 4 KiB + 2 KiB per QUADS.
layout(local_size_x = 64) in;
layout(constant_id = TILE_ID) const int QUADS = 2;
const int COLUMNS4 = 8 * QUADS;  // columns of the tile / 4
shared float tileA[16][64];            // [depth][row]
shared vec4 tileB[16 * COLUMNS4];      // [depth, column / 4]
vec4 sum[8 * QUADS];                   // [row, quad]

void clear_sums() {
  for (int i = 0; i < 8 * QUADS; i++) sum[i] = vec4(0);
}

// Four neighbours along the depth of one row.
void store_a(int row, int depth4, vec4 a) {
  for (int e = 0; e < 4; e++) tileA[4 * depth4 + e][row] = a[e];
}

void multiply_tiles(int rowGroup, int lane) {
  for (int d = 0; d < 16; d++) {
    vec4 b[QUADS];
    for (int j = 0; j < QUADS; j++) b[j] = tileB[d * COLUMNS4 + lane + 8 * j];
    for (int i = 0; i < 8; i++) {
      float a = tileA[d][rowGroup * 8 + i];
      for (int j = 0; j < QUADS; j++) sum[i * QUADS + j] += a * b[j];
    }
  }
}

// The inner product of a 64 x 64 x 16 tile by 64 invocations: 8 rows (rowGroup*8 ..) x 8 columns (two vec4, 32 columns apart) each.
layout(local_size_x = 64) in;
shared float tileA[16][64];  // [depth][row]
shared vec4 tileB[16][16];   // [depth][column / 4]
float sum[8][8];

int tile_column(int lane, int j) { return lane * 4 + (j / 4) * 32 + j % 4; }

void clear_sums() {
  for (int i = 0; i < 8; i++) for (int j = 0; j < 8; j++) sum[i][j] = 0.0;
}

// Four neighbours along the depth of one row.
void store_a(int row, int depth4, vec4 a) {
  for (int e = 0; e < 4; e++) tileA[4 * depth4 + e][row] = a[e];
}

void multiply_tiles(int rowGroup, int lane) {
  for (int d = 0; d < 16; d++) {
    vec4 b0 = tileB[d][lane], b1 = tileB[d][lane + 8];
    for (int i = 0; i < 8; i++) {
      float a = tileA[d][rowGroup * 8 + i];
      for (int e = 0; e < 4; e++) {
        sum[i][e] += a * b0[e];
        sum[i][4 + e] += a * b1[e];
      }
    }
  }
}

// Word variant of the products, for CPU drivers: one lane holds ROWS rows (equal in all lanes) by 8 columns (its own); all loads are texel fetches.
// The includer defines ROWS, LOAD_ROW(r, at) and LOAD_COLUMN(c, at): vec4 `at` of the buffer that row r or column c lies in.

// product[r][c] = row r . column c over `words` vec4.
float product[ROWS][8];
void products(int rowAt[ROWS], int columnAt[8], int words) {
  [[unroll]] for (int r = 0; r < ROWS; r++) [[unroll]] for (int c = 0; c < 8; c++) product[r][c] = 0.0;
  int k = 0;
  do {
    vec4 x[ROWS];
    [[unroll]] for (int r = 0; r < ROWS; r++) x[r] = LOAD_ROW(r, rowAt[r] + k);
    [[unroll]] for (int c = 0; c < 8; c++) {
      vec4 y = LOAD_COLUMN(c, columnAt[c] + k);
      [[unroll]] for (int r = 0; r < ROWS; r++) product[r][c] = product[r][c] + x[r].x * y.x + x[r].y * y.y + x[r].z * y.z + x[r].w * y.w;
    }
  } while (++k < words);
}

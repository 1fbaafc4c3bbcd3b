// Word variant of the products: one lane holds 16 rows (equal in all lanes, loaded as uniform vec4) by 8 columns (its own, in 64-bit words).
// The includer defines LOAD_ROW(r, at) and LOAD_COLUMN(c, at): vec4 and 64-bit word `at` of the buffer that row r or column c lies in.
vec4 two_words(uint64_t low, uint64_t high) { return vec4(uintBitsToFloat(unpack32(low)), uintBitsToFloat(unpack32(high))); }

// product[r][c] = row r . column c over `words` vec4; rowAt in vec4, columnAt in 64-bit words.
float product[16][8];
void products(uint rowAt[16], uint columnAt[8], uint words) {
  [[unroll]] for (int r = 0; r < 16; r++) [[unroll]] for (int c = 0; c < 8; c++) product[r][c] = 0.0;
  uint k = 0;
  do {
    vec4 x[16];
    [[unroll]] for (int r = 0; r < 16; r++) x[r] = LOAD_ROW(r, rowAt[r] + k);
    [[unroll]] for (int c = 0; c < 8; c++) {
      vec4 y = two_words(LOAD_COLUMN(c, columnAt[c] + 2 * k), LOAD_COLUMN(c, columnAt[c] + 2 * k + 1));
      [[unroll]] for (int r = 0; r < 16; r++) product[r][c] += dot(x[r], y);
    }
  } while (++k < words);
}

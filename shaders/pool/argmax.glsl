// argmax [N,P,Q,quads] at binding 1, as maxpool_fwd left it: for a quad of y, four bytes r S + s.
#ifdef WORD
READ_QUADS(1, Argmax, argmax);  // four quads' bytes to a texel: quads must be a multiple of 4
uint positions_word(uint quad) { return floatBitsToUint(QUAD(argmax, quad / 4)[quad % 4]); }
#else
layout(std430, set = 0, binding = 1) readonly buffer Argmax { uint argmax[]; };
uint positions_word(uint quad) { return argmax[quad]; }
#endif

// Which pixel of its window was the maximum, of each channel of a quad of y.
uvec4 positions(uint quad) {
  uint code = positions_word(quad);
  return uvec4(code, code >> 8, code >> 16, code >> 24) & 255;
}

// Sums over blocks of rows that a batch normalisation's backward pass needs: of g and of g xhat, where g = dy, zero where the ReLU was closed (MASK, affine: as in norm/batchnorm_bwd_reduce.glsl), xhat = (x - mean) invStd.
// Before it: rows.glsl, normalise.glsl, the arrays gamma, beta, mean, invStd: [4*quads] and partials: [blocks, 2, 4*quads], and
//   void load(uint row, uint quad, out vec4 g, out vec4 v)  // dy and x; with mask 1 masked
//   void keep(uint row, uint quad, vec4 g)                  // what else becomes of g
void sum_block(Share s, uint firstBlock, uint quads, bool affine) {
  if (s.first >= s.end) return;
  vec4 center[COLUMNS], inverse[COLUMNS], scale[COLUMNS], shift[COLUMNS], sum[COLUMNS], weighted[COLUMNS];
  for (uint k = 0; k < COLUMNS; k++) {
    uint c = min(COLUMN(s, k), quads - 1);
    center[k] = QUAD(mean, c);
    inverse[k] = QUAD(invStd, c);
    scale[k] = MASK == 3 ? QUAD(gamma, c) : affine ? inverse[k] * QUAD(gamma, c) : inverse[k];
    shift[k] = affine ? QUAD(beta, c) : vec4(0);
    sum[k] = weighted[k] = vec4(0);
  }
  // Several rows' loads before the first use.
  for (uint first = s.first; first < s.end; first += AT_ONCE) {
    for (uint k = 0; k < COLUMNS; k++) {
      if (COLUMN(s, k) >= quads) continue;
      vec4 gs[AT_ONCE], vs[AT_ONCE];
      for (uint j = 0; j < AT_ONCE; j++) load(min(first + j, s.end - 1), COLUMN(s, k), gs[j], vs[j]);
      for (uint j = 0; j < AT_ONCE; j++) {
        if (first + j >= s.end) continue;
        vec4 g = masked(MASK, gs[j], vs[j], center[k], scale[k], shift[k]);
        sum[k] += g;
        weighted[k] += g * ((vs[j] - center[k]) * inverse[k]);
        keep(first + j, COLUMN(s, k), g);
      }
    }
  }
  for (uint k = 0; k < COLUMNS; k++) {
    if (COLUMN(s, k) >= quads) continue;
    uint o = (firstBlock + s.slot) * 2 * quads + COLUMN(s, k);
    partials[o] = sum[k];
    partials[o + quads] = weighted[k];
  }
}

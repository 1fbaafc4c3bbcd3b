// Sums of the tile to `y`, and what goes with them to `partials`: the second half of conv2d_tile.glsl.
#ifdef NORM_SUMS
NormSums normSums[QUADS];

// Merged over the eight threads of a column in a fixed order, through the memory of tileB: sums of g of row group i in its row i, of g xhat in its row 8 + i.
void statistics(int m0, int column, int rowGroup, int lane) {
  for (int j = 0; j < QUADS; j++) {
    tileB[rowGroup * COLUMNS4 + lane + 8 * j] = normSums[j].total;
    tileB[(8 + rowGroup) * COLUMNS4 + lane + 8 * j] = normSums[j].weighted;
  }
  barrier();
  int t = int(gl_LocalInvocationIndex), k = column * COLUMNS4 + t;
  if (t >= COLUMNS4 || k >= K4) return;
  vec4 total = vec4(0), weighted = vec4(0);
  for (int g = 0; g < 8; g++) {
    total += tileB[g * COLUMNS4 + t];
    weighted += tileB[(8 + g) * COLUMNS4 + t];
  }
  int o = (firstBlock + m0 / 64) * 2 * K4 + k;
  partials[o] = total;
  partials[o + K4] = weighted * invStd[k];
}
#else
// (mean, M2) of the tile's columns, merged over the eight threads of a column in a fixed order. They go through the memory of tileB: means of row group g in
// its row g, M2 in its row 8 + g.
void statistics(int m0, int column, int rowGroup, int lane) {
  int n = clamp(M - m0 - rowGroup * 8, 0, 8);
  for (int j = 0; j < QUADS; j++) {
    vec4 mean = vec4(0), m2 = vec4(0);
    // Constant bounds: an index that depends on n would move the sums out of registers.
    for (int i = 0; i < 8; i++) mean += i < n ? sum[i * QUADS + j] : vec4(0);
    mean /= float(max(n, 1));
    for (int i = 0; i < 8; i++) {
      vec4 delta = i < n ? sum[i * QUADS + j] - mean : vec4(0);
      m2 += delta * delta;
    }
    tileB[rowGroup * COLUMNS4 + lane + 8 * j] = mean;
    tileB[(8 + rowGroup) * COLUMNS4 + lane + 8 * j] = m2;
  }
  barrier();
  int t = int(gl_LocalInvocationIndex), k = column * COLUMNS4 + t;
  if (t >= COLUMNS4 || k >= K4) return;
  vec4 mean = vec4(0), m2 = vec4(0);
  float count = 0.0;
  for (int g = 0; g < 8; g++) {
    float more = float(clamp(M - m0 - g * 8, 0, 8));
    if (more == 0.0) break;
    vec4 delta = tileB[g * COLUMNS4 + t] - mean;
    m2 += tileB[(8 + g) * COLUMNS4 + t] + delta * delta * (count * more / (count + more));
    count += more;
    mean += delta * (more / count);
  }
  int o = (firstBlock + m0 / 64) * 2 * K4 + k;
  partials[o] = mean;
  partials[o + K4] = m2;
}
#endif

void write_out(int m0, int column, int rowGroup, int lane) {
  for (int j = 0; j < QUADS; j++) {
    int k = column * COLUMNS4 + lane + 8 * j;
    Pixel row = pixel_of(min(m0 + rowGroup * 8, M - 1));
#ifdef NORM_SUMS
    Norm n = norm_of(min(k, K4 - 1));
    normSums[j] = NormSums(vec4(0), vec4(0));
#endif
    for (int i = 0; i < 8; i++) {
      int o = out_texel(row) + k;
      bool adds = ADD != 0u && adds_to(row);
      row = next_pixel(row, true);
      if (m0 + rowGroup * 8 + i >= M || k >= K4) continue;
      vec4 v = sum[i * QUADS + j];
#ifndef NORM_SUMS
      if (ON_STORE) v = normalised(v, scale[k], shift[k]);
#endif
      if (adds) v += LOAD(y, o);
#ifdef NORM_SUMS
      vec4 x = WEIGHTED ? ACTIVATION(normX, o) : vec4(0);
      bvec4 closed = bvec4(false);
      if (MASK == 1u) closed = closed_by(ACTIVATION(normY, o));
      if (BY_SIGNS) closed = closed_by(signs_of(o, k), 0u);
      v = STORED(open_gradient(v, x, closed, n));
      add_to(normSums[j], v, x, n);
#else
      v = STORED(NORM == 4u ? rectified(v) : v);
      sum[i * QUADS + j] = v;
#endif
      STORE(y, o, v);
    }
  }
#ifdef NORM_SUMS
  statistics(m0, column, rowGroup, lane);
#else
  if (STATISTICS) statistics(m0, column, rowGroup, lane);
#endif
}

// Sums of the tile to `y`, strip by strip through shared memory, and their statistics: the second half of conv2d_matrix.glsl.
// (mean, M2) of the values as stored: each lane's own rows one by one, then the lanes of a column and block of 64 rows in a fixed order.
void write_out(int m0, int k0) {
  int k = k0 + int(staged_quad()), count = 0;
  vec4 mean = vec4(0), m2 = vec4(0);
  [[unroll]] for (uint i = 0; i < WM; i++) {
    stage_strip(i);
    barrier();
    for (uint r = staged_row(); r < MATRIX_M; r += ROW_STEP) {
      int m = m0 + int(strip_row(i) + r);
      if (m >= M || k >= K4) continue;
      int at = outStride == 1 ? m * K4 + k : out_texel(pixel_of(m)) + k;
      vec4 v = staged(r);
      if (ACCUMULATE) v += halves(y[at]);
      uvec2 words = to_halves(v);
      y[at] = words;
      if (!STATISTICS) continue;
      vec4 delta = halves(words) - mean;
      mean += delta / float(++count);
      m2 += delta * (halves(words) - mean);
    }
    barrier();
  }
  if (!STATISTICS) return;
  uint columns = COLUMNS / 4, perBlock = SY * ROW_STEP * 64 / ROWS;  // quads of a row; lanes that share a column and a block
  uint slot = (gl_SubgroupID / SX * ROW_STEP + staged_row()) * columns + staged_quad();
  tile[slot] = floatBitsToUint(mean);
  tile[INVOCATIONS + slot] = floatBitsToUint(m2);
  tile[2 * INVOCATIONS + slot].x = uint(count);
  barrier();
  uint t = gl_LocalInvocationIndex, block = t / columns, column = t % columns;
  k = k0 + int(column);
  if (block >= ROWS / 64 || m0 + int(block) * 64 >= M || k >= K4) return;
  mean = m2 = vec4(0);
  float n = 0.0;
  for (uint lane = block * perBlock; lane < (block + 1) * perBlock; lane++) {
    slot = lane * columns + column;
    float more = float(tile[2 * INVOCATIONS + slot].x);
    if (more == 0.0) continue;
    vec4 delta = uintBitsToFloat(tile[slot]) - mean;
    m2 += uintBitsToFloat(tile[INVOCATIONS + slot]) + delta * delta * (n * more / (n + more));
    n += more;
    mean += delta * (more / n);
  }
  int o = (firstBlock + m0 / 64 + int(block)) * 2 * K4 + k;
  partials[o] = mean;
  partials[o + K4] = m2;
}

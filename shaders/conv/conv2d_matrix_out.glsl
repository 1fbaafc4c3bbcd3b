// Sums of the tile to `y`, strip by strip through shared memory, and what goes with them to `partials`: the second half of conv2d_matrix.glsl. That is (mean, M2) of the values as
// stored, or with NORM_SUMS what norm_sums.glsl says: each lane's own rows one by one, then the lanes of a column and block of 64 rows in a fixed order.
#ifdef NORM_SUMS
const bool STATISTICS = true;
#endif
struct Pair { vec4 first, second; };  // (mean, M2) or (sum of g, sum of g xhat)

// Adds n values' pair b to the pair a of `count` values.
void merge(inout Pair a, inout float count, Pair b, float n) {
#ifdef NORM_SUMS
  a = Pair(a.first + b.first, a.second + b.second);
#else
  if (n == 0.0) return;
  vec4 delta = b.first - a.first;
  a.second += b.second + delta * delta * (count * n / (count + n));
  count += n;
  a.first += delta * (n / count);
#endif
}

void write_out(int m0, int k0) {
  int k = k0 + int(staged_quad()), rows = 0;
#ifdef NORM_SUMS
  Norm n = norm_of(min(k, K4 - 1));
  NormSums sums = NormSums(vec4(0), vec4(0));
#endif
  Pair mine = Pair(vec4(0), vec4(0));
  [[unroll]] for (uint i = 0; i < WM; i++) {
    stage_strip(i);
    barrier();
    for (uint r = staged_row(); r < MATRIX_M; r += ROW_STEP) {
      int m = m0 + int(strip_row(i) + r);
      if (m >= M || k >= K4) continue;
      int at = outStride == 1 ? m * K4 + k : out_texel(pixel_of(m)) + k;
      vec4 v = staged(r);
#ifndef NORM_SUMS
      if (ON_STORE) v = normalised(v, scale[k], shift[k]);
#endif
      if (ACCUMULATE) v += from_words(y[at]);
#ifdef NORM_SUMS
      vec4 x = from_words(normX[at]);
      v = open_gradient(v, x, at, n);
#else
      if (NORM == 4u) v = rectified(v);
#endif
      uvec2 words = to_words(v);
      y[at] = words;
      if (!STATISTICS) continue;
#ifdef NORM_SUMS
      add_to(sums, from_words(words), x, n);
#else
      vec4 delta = from_words(words) - mine.first;
      mine.first += delta / float(++rows);
      mine.second += delta * (from_words(words) - mine.first);
#endif
    }
    barrier();
  }
  if (!STATISTICS) return;
#ifdef NORM_SUMS
  mine = Pair(sums.total, sums.weighted * n.inverse);
#endif
  uint columns = COLUMNS / 4, perBlock = SY * ROW_STEP * 64 / ROWS;  // quads of a row; lanes that share a column and a block
  uint slot = (gl_SubgroupID / SX * ROW_STEP + staged_row()) * columns + staged_quad();
  tile[slot] = floatBitsToUint(mine.first);
  tile[INVOCATIONS + slot] = floatBitsToUint(mine.second);
  tile[2 * INVOCATIONS + slot].x = uint(rows);
  barrier();
  uint t = gl_LocalInvocationIndex, block = t / columns, column = t % columns;
  k = k0 + int(column);
  if (block >= ROWS / 64 || m0 + int(block) * 64 >= M || k >= K4) return;
  Pair all = Pair(vec4(0), vec4(0));
  float count = 0.0;
  for (uint lane = block * perBlock; lane < (block + 1) * perBlock; lane++) {
    slot = lane * columns + column;
    merge(all, count, Pair(uintBitsToFloat(tile[slot]), uintBitsToFloat(tile[INVOCATIONS + slot])), float(tile[2 * INVOCATIONS + slot].x));
  }
  int o = (firstBlock + m0 / 64 + int(block)) * 2 * K4 + k;
  partials[o] = all.first;
  partials[o + K4] = all.second;
}

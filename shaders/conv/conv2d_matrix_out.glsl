// Sums of the tile to `y`, strip by strip through shared memory, and what goes with them to `partials`: the second half of conv2d_matrix.glsl. That is (mean, M2) of the values as
// stored, or with NORM_SUMS what norm_sums.glsl says, for every block of 64 rows: each lane's own rows, then the lanes of a column, then the subgroups of a block, in a fixed order.
// Within a subgroup deviations from its first row and their squares are summed: a large common mean costs no digits.
#ifdef NORM_SUMS
const bool STATISTICS = true;
#endif
struct Pair { vec4 first, second; };  // of a quad of columns: sums of the deviations and of their squares, then (mean, M2); or (sum of g, sum of g xhat)

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

// The sum of a over the lanes of a column.
Pair over_lanes(Pair a) {
  [[unroll]] for (uint step = OCTETS; step < LANES; step *= 2) a = Pair(a.first + subgroupShuffleXor(a.first, step), a.second + subgroupShuffleXor(a.second, step));
  return a;
}

#ifndef NORM_SUMS
Pair mean_of(Pair sums, vec4 origin, float n) {
  vec4 mean = sums.first / max(n, 1.0);
  return Pair(origin + mean, max(sums.second - sums.first * mean, vec4(0)));
}
#endif

// An octet of what is laid out as y; of the last one of an odd number of quads the first.
#define READ_OCTET(name4, name8, at) (K_OCTETS ? name8[at >> 1] : uvec4(name4[at], at % K4 + 1 < K4 ? name4[at + 1] : uvec2(0)))

void store_octet(int at, uvec4 words) {
  if (K_OCTETS) {
    y8[at >> 1] = words;
    return;
  }
  y4[at] = words.xy;
  if (at % K4 + 1 < K4) y4[at + 1] = words.zw;
}

#ifndef NORM_SUMS
// What is stored of a sum in column k, on top of what was there.
vec4 finished(vec4 v, vec4 old, int k) {
  if (ON_STORE) v = normalised(v, scale[k], shift[k]);
  if (ACCUMULATE) v += old;
  return NORM == 4u ? rectified(v) : v;
}
#endif

// The rows of this subgroup that there are.
int rows_here(int m0) { return clamp(M - m0 - int(strip_row(0)), 0, int(SUBGROUP_ROWS)); }

void store_pair(int block, int k, Pair p) {
  int o = (firstBlock + block) * 2 * K4 + k;
  partials[o] = p.first;
  partials[o + K4] = p.second;
}

// One strip of each row of matrices: the tile's octet staged_octet(x) in all of this lane's rows.
void write_columns(int m0, int k0, uint x) {
  int k = k0 + int(staged_octet(x)) * 2, second = min(k + 1, K4 - 1);
  Pair low = Pair(vec4(0), vec4(0)), high = low;
#ifdef NORM_SUMS
  Norm normLow = norm_of(min(k, K4 - 1)), normHigh = norm_of(second);
#else
  vec4 originLow, originHigh;
#endif
  [[unroll]] for (uint i = 0; i < WM; i++) {
    int at[STRIP_ROWS];
    uvec4 old[STRIP_ROWS], ofX[STRIP_ROWS], ofY[STRIP_ROWS];
    // All of the strip's loads before the first use.
    [[unroll]] for (uint r = 0; r < STRIP_ROWS; r++) {
      int m = m0 + int(strip_row(i) + staged_row() + r * ROW_STEP);
      at[r] = m < M && k < K4 ? (outStride == 1 ? m * K4 : out_texel(pixel_of(m))) + k : -1;
      old[r] = uvec4(0);
      ofX[r] = uvec4(0);
      ofY[r] = uvec4(0);
      if (at[r] < 0) continue;
      if (ACCUMULATE) old[r] = READ_OCTET(y4, y8, at[r]);
#ifdef NORM_SUMS
      ofX[r] = READ_OCTET(normX, normX8, at[r]);
      if (MASK == 1u) ofY[r] = READ_OCTET(normY, normY8, at[r]);
#endif
    }
    stage_strip(i, x);
    subgroupBarrier();
    [[unroll]] for (uint r = 0; r < STRIP_ROWS; r++) {
      Octet v = staged(staged_row() + r * ROW_STEP);
#ifdef NORM_SUMS
      vec4 xLow = from_words(ofX[r].xy), xHigh = from_words(ofX[r].zw);
      if (ACCUMULATE) v = Octet(v.low + from_words(old[r].xy), v.high + from_words(old[r].zw));
      uvec4 words = uvec4(to_words(open_gradient(v.low, xLow, from_words(ofY[r].xy), normLow)), to_words(open_gradient(v.high, xHigh, from_words(ofY[r].zw), normHigh)));
#else
      uvec4 words = uvec4(to_words(finished(v.low, from_words(old[r].xy), min(k, K4 - 1))), to_words(finished(v.high, from_words(old[r].zw), second)));
#endif
      if (STATISTICS) {
        vec4 a = from_words(words.xy), b = from_words(words.zw);
#ifdef NORM_SUMS
        Pair addLow = Pair(a, a * (xLow - normLow.center)), addHigh = Pair(b, b * (xHigh - normHigh.center));
#else
        if (i + r == 0) {
          originLow = subgroupShuffle(a, gl_SubgroupInvocationID % OCTETS);
          originHigh = subgroupShuffle(b, gl_SubgroupInvocationID % OCTETS);
        }
        a -= originLow;
        b -= originHigh;
        Pair addLow = Pair(a, a * a), addHigh = Pair(b, b * b);
#endif
        if (at[r] >= 0) {
          low = Pair(low.first + addLow.first, low.second + addLow.second);
          high = Pair(high.first + addHigh.first, high.second + addHigh.second);
        }
      }
      if (at[r] >= 0) store_octet(at[r], words);
    }
    subgroupBarrier();
  }
  if (!STATISTICS) return;
  low = over_lanes(low);
  high = over_lanes(high);
#ifdef NORM_SUMS
  low.second *= normLow.inverse;
  high.second *= normHigh.inverse;
#else
  float n = float(rows_here(m0));
  low = mean_of(low, originLow, n);
  high = mean_of(high, originHigh, n);
#endif
  if (staged_row() != 0) return;
  if (SUBGROUP_ROWS < 64) {
    uint slot = SIZE_STRIPS + gl_SubgroupID / SX * (COLUMNS / 2) + staged_octet(x) * 4;
    tile[slot] = floatBitsToUint(low.first);
    tile[slot + 1] = floatBitsToUint(low.second);
    tile[slot + 2] = floatBitsToUint(high.first);
    tile[slot + 3] = floatBitsToUint(high.second);
  } else if (rows_here(m0) > 0) {
    int block = (m0 + int(strip_row(0))) / 64;
    if (k < K4) store_pair(block, k, low);
    if (k + 1 < K4) store_pair(block, k + 1, high);
  }
}

void write_out(int m0, int k0) {
  [[unroll]] for (uint x = 0; x < STRIPS; x++) write_columns(m0, k0, x);
  if (!STATISTICS || SUBGROUP_ROWS >= 64) return;
  barrier();
  for (uint t = gl_LocalInvocationIndex; t < ROWS / 64 * (COLUMNS / 4); t += INVOCATIONS) {
    uint block = t / (COLUMNS / 4), column = t % (COLUMNS / 4), subgroups = 64 / SUBGROUP_ROWS;
    int first = m0 + int(block) * 64, k = k0 + int(column);
    if (first >= M || k >= K4) continue;
    Pair all = Pair(vec4(0), vec4(0));
    float count = 0.0;
    [[unroll]] for (uint i = 0; i < subgroups; i++) {
      uint slot = SIZE_STRIPS + (block * subgroups + i) * (COLUMNS / 2) + column * 2;
      merge(all, count, Pair(uintBitsToFloat(tile[slot]), uintBitsToFloat(tile[slot + 1])), float(clamp(M - first - int(i * SUBGROUP_ROWS), 0, int(SUBGROUP_ROWS))));
    }
    store_pair(m0 / 64 + int(block), k, all);
  }
}

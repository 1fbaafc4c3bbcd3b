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

// The octet at quad `at`, of column k, of what is laid out as y; of the last one of an odd number of quads the first.
#define READ_OCTET(name4, name8, at, k) (K_OCTETS ? name8[(at) >> 1] : uvec4(name4[at], (k) + 1 < K4 ? name4[(at) + 1] : uvec2(0)))

void store_octet(int at, int k, uvec4 words) {
  if (K_OCTETS) {
    y8[at >> 1] = words;
    return;
  }
  y4[at] = words.xy;
  if (k + 1 < K4) y4[at + 1] = words.zw;
}

#ifndef NORM_SUMS
// What is stored of a sum in column k, on top of what was there.
vec4 finished(vec4 v, vec4 old, int k) {
  if (ON_STORE) v = normalised(v, scale[k], shift[k]);
#ifdef RESIDUAL
  if (NORM == 5u) old = normalised(old, residualScale[k], residualShift[k]);
#endif
  if (ADD != 0u) v += old;
  return NORM >= 4u ? rectified(v) : v;
}
#endif

// The rows of this subgroup that there are.
int rows_here(int m0) { return clamp(M - m0 - int(strip_row(0)), 0, int(SUBGROUP_ROWS)); }

void store_pair(int block, int k, Pair p) {
#ifndef RESIDUAL
  int o = (firstBlock + block) * 2 * K4 + k;
  partials[o] = p.first;
  partials[o + K4] = p.second;
#endif
}

// What a lane reads for its octets of a round (one strip of a row of matrices) is on its way IN_FLIGHT rounds ahead, as registers allow.
const uint MOST_IN_FLIGHT = WM * WN * MATRIX_M * MATRIX_N / LANES > 64 ? 2 : 4, IN_FLIGHT = WM < MOST_IN_FLIGHT ? WM : MOST_IN_FLIGHT, SLOTS = IN_FLIGHT * STRIP_ROWS;
struct Place { int at; bool inside, adds; };  // quad of y; what lies past the end repeats the last row and octet, and is not stored

Place place_of(int m0, int k, uint i, uint r) {
  int m = m0 + int(strip_row(i) + staged_row() + r * ROW_STEP), last = min(m, M - 1);
  bool inside = m < M && k < K4;
  return Place((IN_ORDER ? last * K4 : out_texel(pixel_of(last))) + min(k, (K4 - 1) & -2), inside, inside && (ADD < 2u || adds_to(pixel_of(last))));
}

// One strip of each row of matrices: the tile's octet staged_octet(x) in all of this lane's rows.
void write_columns(int m0, int k0, uint x) {
  int k = k0 + int(staged_octet(x)) * 2, second = min(k + 1, K4 - 1);
  Pair low = Pair(vec4(0), vec4(0)), high = low;
  uvec4 old[SLOTS];
#ifdef NORM_SUMS
  uvec4 ofX[SLOTS], ofY[SLOTS];
  Norm normLow = norm_of(min(k, K4 - 1)), normHigh = norm_of(second);
#else
  uvec4 origin;
#endif
  [[unroll]] for (uint i = 0; i < WM; i++) {
    stage_strip(i, x);
    // The loads of the first rounds at once, then those of a round as soon as one is done.
    [[unroll]] for (uint j = 0; j < IN_FLIGHT; j++) {
      uint ahead = i + j;
      if ((i > 0 && j + 1 < IN_FLIGHT) || ahead >= WM) continue;
      [[unroll]] for (uint r = 0; r < STRIP_ROWS; r++) {
        Place p = place_of(m0, k, ahead, r);
        uint slot = ahead % IN_FLIGHT * STRIP_ROWS + r;
        // Not what another lane writes.
        if (ADD != 0u) old[slot] = p.adds ? READ_OCTET(OLD4, OLD8, p.at, k) : uvec4(0);
#ifdef NORM_SUMS
        if (WEIGHTED) ofX[slot] = READ_OCTET(normX, normX8, p.at, k);
        if (MASK == 1u) ofY[slot] = READ_OCTET(normY, normY8, p.at, k);
        if (BY_SIGNS) ofY[slot].x = signs_of(p.at, k);
#endif
      }
    }
    subgroupBarrier();
    [[unroll]] for (uint r = 0; r < STRIP_ROWS; r++) {
      Place p = place_of(m0, k, i, r);
      uint slot = i % IN_FLIGHT * STRIP_ROWS + r;
      Octet v = staged(staged_row() + r * ROW_STEP);
#ifdef NORM_SUMS
      vec4 xLow = vec4(0), xHigh = vec4(0);
      if (WEIGHTED) {
        xLow = from_words(ofX[slot].xy);
        xHigh = from_words(ofX[slot].zw);
      }
      bvec4 closedLow = bvec4(false), closedHigh = closedLow;
      if (MASK == 1u) {
        closedLow = closed_by(from_words(ofY[slot].xy));
        closedHigh = closed_by(from_words(ofY[slot].zw));
      }
      if (BY_SIGNS) {
        closedLow = closed_by(ofY[slot].x, 0u);
        closedHigh = closed_by(ofY[slot].x, 4u);
      }
      if (ADD != 0u) v = Octet(v.low + from_words(old[slot].xy), v.high + from_words(old[slot].zw));
#ifdef SECOND
      v = Octet(v.low + offsetOut[min(k, K4 - 1)], v.high + offsetOut[second]);
#endif
      uvec4 words = uvec4(to_words(open_gradient(v.low, xLow, closedLow, normLow)), to_words(open_gradient(v.high, xHigh, closedHigh, normHigh)));
      uvec4 counted = p.inside ? words : uvec4(0);
      vec4 a = from_words(counted.xy), b = from_words(counted.zw);
      low.first += a;
      high.first += b;
      if (WEIGHTED) {
        low.second += a * (xLow - normLow.center);
        high.second += b * (xHigh - normHigh.center);
      }
#else
      vec4 oldLow = vec4(0), oldHigh = vec4(0);
      if (ADD != 0u) {
        oldLow = from_words(old[slot].xy);
        oldHigh = from_words(old[slot].zw);
      }
      uvec4 words = uvec4(to_words(finished(v.low, oldLow, min(k, K4 - 1))), to_words(finished(v.high, oldHigh, second)));
      if (STATISTICS) {
        if (i + r == 0) origin = subgroupShuffle(words, gl_SubgroupInvocationID % OCTETS);
        uvec4 counted = p.inside ? words : origin;
        vec4 a = from_words(counted.xy) - from_words(origin.xy), b = from_words(counted.zw) - from_words(origin.zw);
        low = Pair(low.first + a, low.second + a * a);
        high = Pair(high.first + b, high.second + b * b);
      }
#endif
      if (p.inside) store_octet(p.at, k, words);
#ifdef RESIDUAL
      // Two neighbouring lanes have the octets of a half word.
      uint open = open_bits(from_words(words.xy)) | open_bits(from_words(words.zw)) << 4;
      open |= subgroupShuffleXor(open, 1) << 8;
      if (p.inside && (gl_SubgroupInvocationID & 1u) == 0u) signs[p.at >> 2] = uint16_t(open);
#endif
    }
    subgroupBarrier();
  }
  if (!STATISTICS) return;
  low = over_lanes(low);
  high = over_lanes(high);
#ifdef NORM_SUMS
  low.second *= invStd[min(k, K4 - 1)];
  high.second *= invStd[second];
#else
  float n = float(rows_here(m0));
  low = mean_of(low, from_words(origin.xy), n);
  high = mean_of(high, from_words(origin.zw), n);
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

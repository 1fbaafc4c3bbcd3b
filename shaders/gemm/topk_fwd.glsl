// The k largest of each column of similarities, kept over many slabs: s [rows, queries] holds bank rows first .. first + rows - 1 by queries. Larger is better; of equal
// values the earlier row. Each query has a heap, values and indices [k, queries], whose slot 0 is the worst that is kept. NaN never enters.
// window: (rows of the slab that count, index of the slab's first row, 1 = go on with the heaps, 0 = begin). queries: a multiple of 4.
// Dispatch: one lane per QUERIES queries. Traffic: s once; of the heaps only what changes.
#include "grid.glsl"
layout(local_size_x = LANES) in;
layout(push_constant) uniform Params { uint rows; uint start; uint queries; uint k; };
#ifdef WORD
layout(binding = 0) uniform samplerBuffer s;
#else
layout(std430, binding = 0) readonly buffer Similarities { float s[]; };
#endif
layout(std430, binding = 1) readonly buffer Window { uint window[]; };
layout(std430, binding = 2) buffer Values { float values[]; };
layout(std430, binding = 3) buffer Indices { uint indices[]; };

const float LOWEST = -1.0 / 0.0;
const uint NONE = 0xffffffffu;

bool worse(float a, uint atA, float b, uint atB) { return a < b || (a == b && atA > atB); }

// Puts (value, index) in the place of the worst; returns the new worst value.
float replace_worst(uint query, float value, uint index) {
  uint at = 0, child = 1;
  while (child < k) {
    float v = values[child * queries + query];
    uint i = indices[child * queries + query];
    if (child + 1 < k) {
      float otherV = values[(child + 1) * queries + query];
      uint otherI = indices[(child + 1) * queries + query];
      if (worse(otherV, otherI, v, i)) {
        v = otherV;
        i = otherI;
        child++;
      }
    }
    if (!worse(v, i, value, index)) break;
    values[at * queries + query] = v;
    indices[at * queries + query] = i;
    at = child;
    child = 2 * at + 1;
  }
  values[at * queries + query] = value;
  indices[at * queries + query] = index;
  return values[query];
}

float begin(uint query) {
  if (window[2] == 1 || start > 0) return values[query];
  for (uint slot = 0; slot < k; slot++) {
    values[slot * queries + query] = LOWEST;
    indices[slot * queries + query] = NONE;
  }
  return LOWEST;
}

void main() {
  uint query = flat_invocation() * QUERIES;
  if (query >= queries) return;
  uint count = min(rows, max(window[0], start) - start);
  uint first = window[1] + start;
#ifdef WORD
  vec4 worst;
  for (uint c = 0; c < 4; c++) worst[c] = begin(query + c);
  for (uint r = 0; r < count; r++) {
    vec4 v = texelFetch(s, int((r * queries + query) / 4));
    if (any(greaterThan(v, worst))) {
      for (uint c = 0; c < 4; c++) {
        if (v[c] > worst[c]) worst[c] = replace_worst(query + c, v[c], first + r);
      }
    }
  }
#else
  float worst = begin(query);
  for (uint r = 0; r < count; r++) {
    float v = s[r * queries + query];
    if (v > worst) worst = replace_worst(query, v, first + r);
  }
#endif
}

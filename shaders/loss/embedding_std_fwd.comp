#version 460
// Count, mean and M2 (sum of squared deviations) of each dimension over one chunk of rows, two-pass within the chunk; contrastive_stats_fwd merges them.
// Shapes: z [rows, 4 words]; moments [chunks, 4 words, 4] as (n, mean, M2, 0), written from chunk firstChunk on.
// Dispatch: one invocation per chunk and four dimensions. Traffic: z twice.
#extension GL_GOOGLE_include_directive : require
layout(local_size_x = 32) in;
layout(std430, binding = 0) readonly buffer Z { vec4 z[]; };
layout(std430, binding = 1) writeonly buffer Moments { vec4 moments[]; };
layout(push_constant) uniform Push {
  uint rows;
  uint words;
  uint chunkRows;
  uint firstChunk;
};
#include "grid.glsl"

void main() {
  uint index = flat_invocation();
  uint word = index % words;
  uint chunk = index / words;
  uint first = chunk * chunkRows;
  if (first >= rows) return;
  uint last = min(first + chunkRows, rows);
  vec4 mean = vec4(0.0);
  for (uint r = first; r < last; r++) mean += z[r * words + word];
  float n = float(last - first);
  mean /= n;
  vec4 m2 = vec4(0.0);
  for (uint r = first; r < last; r++) {
    vec4 d = z[r * words + word] - mean;
    m2 += d * d;
  }
  uint at = 4 * ((firstChunk + chunk) * words + word);
  for (uint i = 0; i < 4; i++) moments[at + i] = vec4(n, mean[i], m2[i], 0.0);
}

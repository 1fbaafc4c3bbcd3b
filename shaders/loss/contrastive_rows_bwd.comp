#version 460
// dz (+)= slab * columns: gradient of the rows from one slab of backward coefficients (contrastive_bwd, clip_bwd).
// Shapes: slab [rows, 4 pitch], columns one or two of [cols, P], dz [rows, P] from vec4 outAt of its window on.
// Dispatch: ceil(rows/64) * ceil(P/64), 256 invocations with 4 x 4 outputs each. Traffic: columns once per row tile, slab once per 64 dimensions.
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
layout(local_size_x = 256) in;
layout(std430, binding = 0) readonly buffer Slab { vec4 slab[]; };
layout(std430, binding = 1) readonly buffer Cols1 { vec4 columns1[]; };
layout(std430, binding = 2) readonly buffer Cols2 { vec4 columns2[]; };
layout(std430, binding = 3) buffer Out { vec4 dz[]; };
#include "slab_rows.glsl"

const uint PITCH = 65;
shared float slabTile[16 * PITCH];  // [column, row]
shared vec4 columnTile[16 * 16];    // [column, 4 dimensions]
vec4 acc[4];

void accumulate(uint row0, uint word0, uint slabAt, uint colAt, bool second) {
  uint lane = gl_LocalInvocationIndex;
  uint ty = lane >> 4, tx = lane & 15;
  uint rowAt = min(row0 + (lane >> 2), rows - 1) * pitch + slabAt;
  uint word = min(word0 + tx, words - 1);
  for (uint j = 0; j < cols; j += 16) {
    bool inside = j + 4 * (lane & 3) < cols;
    vec4 x = inside ? slab[rowAt + j / 4 + (lane & 3)] : vec4(0.0);
    uint at = colAt + min(j + ty, cols - 1) * words + word;
    vec4 y;
    if (second) y = columns2[at]; else y = columns1[at];
    barrier();
    [[unroll]] for (uint i = 0; i < 4; i++) slabTile[(4 * (lane & 3) + i) * PITCH + (lane >> 2)] = x[i];
    columnTile[lane] = y;
    barrier();
    for (uint i = 0; i < 16; i++) {
      vec4 yi = columnTile[i * 16 + tx];
      [[unroll]] for (uint r = 0; r < 4; r++) acc[r] += slabTile[i * PITCH + 4 * ty + r] * yi;
    }
  }
}

void main() {
  uint rowTiles = (rows + 63) / 64;
  uint group = flat_group();
  if (group >= rowTiles * ((words + 15) / 16)) return;
  uint row0 = group % rowTiles * 64;
  uint word0 = group / rowTiles * 16;
  [[unroll]] for (int r = 0; r < 4; r++) acc[r] = vec4(0.0);
  accumulate(row0, word0, 0, col1At, false);
  if (two == 1) accumulate(row0, word0, pitch / 2, col2At, true);
  uint row = row0 + 4 * (gl_LocalInvocationIndex >> 4);
  uint word = word0 + (gl_LocalInvocationIndex & 15);
  [[unroll]] for (uint r = 0; r < 4; r++) {
    if (row + r < rows && word < words) {
      uint at = outAt + (row + r) * words + word;
      dz[at] = add == 1 ? dz[at] + acc[r] : acc[r];
    }
  }
}

// Parameters of contrastive_rows_bwd: dz (+)= slab * columns over one slab of columns, which lie in one or two windows (the two views).
#include "grid.glsl"
layout(push_constant) uniform Push {
  uint rows;
  uint words;     // P / 4
  uint cols;      // columns of a window
  uint two;       // 1: there is a second one
  uint pitch;     // vec4 per slab row: the first window's part, padded, then, half a row further, the second's
  uint col1At;    // the first column in its window, vec4
  uint col2At;
  uint outAt;     // the first row in dz's window, vec4
  uint add;       // 1 = add to dz
};

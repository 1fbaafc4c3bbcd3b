// Parameters of contrastive_rows_bwd: dz (+)= slab * columns over one slab of columns, which lie in one or two windows (the two views).
#include "grid.glsl"
layout(push_constant) uniform Push {
  uint rows;
  uint words;     // P / 4
  uint cols1;     // columns of the first window
  uint cols2;     // of the second; 0: there is none
  uint pitch;     // vec4 per slab row: the first window's part, padded, then the second's
  uint cols2At;   // where the second part starts in a slab row, vec4
  uint col1At;    // the first column in its window, vec4
  uint col2At;
  uint outAt;     // the first row in dz's window, vec4
  uint add;       // 1 = add to dz
};

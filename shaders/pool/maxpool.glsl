// Geometry of a pooling from [N,H,W,4*quads] to [N,P,Q,4*quads]. Constants, because a CPU driver divides by variables lane by lane.
layout(constant_id = 0) const uint H = 2;
layout(constant_id = 1) const uint W = 2;
layout(constant_id = 2) const uint quads = 1;
layout(constant_id = 3) const uint P = 1;
layout(constant_id = 4) const uint Q = 1;
layout(constant_id = 5) const uint S = 2;
layout(constant_id = 6) const uint stride = 1;
layout(constant_id = 7) const uint pad = 0;
layout(constant_id = 8) const uint R = 2;  // the last, because maxpool_bwd_reduce does without

// Sums over the lanes of a workgroup, by a tree in a fixed order. Includers set LANES to the local size and SUMMED to the type.
shared SUMMED laneSums[LANES];

// Of `slices` lanes, a power of 2, that have the same place in their slice of LANES / slices neighbours: the sum, in the first slice. Every lane of the workgroup must call it.
SUMMED sum_of_slices(SUMMED own, uint slices) {
  uint lane = gl_LocalInvocationIndex, here = LANES / slices;
  barrier();
  laneSums[lane] = own;
  for (uint width = LANES / 2; width >= here; width /= 2) {
    barrier();
    if (lane < width) laneSums[lane] = own += laneSums[lane + width];
  }
  return own;
}

// Of all lanes, in the first.
SUMMED sum_of_lanes(SUMMED own) { return sum_of_slices(own, LANES); }

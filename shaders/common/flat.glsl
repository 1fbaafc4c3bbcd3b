// A lane's share of `count` elements whose neighbours matter no more than any others: a workgroup takes LANES * reps that follow each other.
// Portable: neighbouring lanes touch neighbouring memory in every step. WORD: eight lanes (a CPU driver's vector) walk through a piece of their own.
struct FlatShare { uint first; uint step; uint end; };

FlatShare flat_share(uint count, uint reps) {
#ifdef WORD
  uint width = 8, lane = gl_LocalInvocationIndex % width;
#else
  uint width = LANES, lane = gl_LocalInvocationIndex;
#endif
  uint base = (flat_group() * LANES + gl_LocalInvocationIndex - lane) * reps;
  return FlatShare(base + lane, width, min(count, base + width * reps));
}

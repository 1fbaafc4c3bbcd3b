// A lane's share of a matrix [m, 4*quads]: rows of COLUMNS quads of channels. COLUMN(s, k) is the k-th; it exists where it is below quads.
// Portable: one quad, quad fastest over the lanes: lanes = ceil(m / rows) * quads.
// WORD: eight lanes (a CPU driver's vector) take a strip of 32 neighbouring quads, because single quads of wide rows lie too far apart for the
// core's prefetching (half the speed at 1,024 channels): lanes = ceil(m / rows) * ceil(quads / 32) * 8.
// Lanes past the last get an empty share (first >= end).
struct Share { uint quad; uint slot; uint first; uint step; uint end; };

#ifdef WORD
#define COLUMNS 4
#define COLUMN(s, k) (s.quad + 8 * (k))
#else
#define COLUMNS 1
#define COLUMN(s, k) (s.quad)
#endif

// Rows that follow each other: a block of a reduction, number `slot`.
Share share_of_block(uint lane, uint m, uint quads, uint rows) {
#ifdef WORD
  uint strips = (quads + 31) / 32, slot = lane / 8 / strips, quad = lane / 8 % strips * 32 + lane % 8;
#else
  uint slot = lane / quads, quad = lane % quads;
#endif
  return Share(quad, slot, slot * rows, 1, min(m, slot * rows + rows));
}

// Any rows. Portable: far apart, so that neighbouring lanes touch neighbouring memory in every step; WORD: as a block, so that a core walks in order.
Share share_of_rows(uint lane, uint m, uint quads, uint rows) {
  Share s = share_of_block(lane, m, quads, rows);
#ifndef WORD
  uint slots = (m + rows - 1) / rows;
  s.first = s.slot;
  s.step = slots;
  s.end = s.slot < slots ? m : 0;
#endif
  return s;
}

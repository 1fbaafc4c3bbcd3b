// A lane's share of a matrix [m, 4 * quads]: one quad of channels in up to `rows` rows; lanes = ceil(m / rows) * quads, quad fastest;
// lanes past the last get an empty share (first >= end).
// Portable: the rows of a lane are far apart, so that neighbouring lanes touch neighbouring memory in every step.
// WORD: they follow each other, so that one core walks through memory in order.
struct Share { uint quad; uint first; uint step; uint end; };

Share share_of_rows(uint lane, uint m, uint quads, uint rows) {
  uint slot = lane / quads;
#ifdef WORD
  return Share(lane % quads, slot * rows, 1, min(m, slot * rows + rows));
#else
  uint slots = (m + rows - 1) / rows;
  return Share(lane % quads, slot, slots, slot < slots ? m : 0);
#endif
}

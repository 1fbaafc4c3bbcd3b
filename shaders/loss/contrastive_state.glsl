// Running state of one row sample over the columns seen so far, for the forward pass. COLUMNS = column samples folded at a time.
//   soft   = (max, sum of exp(l - max)) of view 1's row, then of view 2's
//   target = (sum of w l) of view 1's row, of view 2's, sum of w, sum of w log w     (w over both views' columns, the own pair masked)
void fold_softmax(inout float top, inout float sum, float value[2 * COLUMNS]) {
  float high = top;
  [[unroll]] for (int i = 0; i < 2 * COLUMNS; i++) high = max(high, value[i]);
  float added = 0.0;
  [[unroll]] for (int i = 0; i < 2 * COLUMNS; i++) added += exp(value[i] - high);
  sum = sum * exp(top - high) + added;
  top = high;
}

// l_uv: logits of the row of view u against columns of view v; textDot: c.c; column c is sample firstColumn + c of this dispatch.
void fold(inout vec4 soft, inout vec4 target, uint row, uint firstColumn, float l11[COLUMNS], float l12[COLUMNS], float l21[COLUMNS],
          float l22[COLUMNS], float textDot[COLUMNS]) {
  float row1[2 * COLUMNS];
  float row2[2 * COLUMNS];
  uint sampleA = firstRow + row;
  [[unroll]] for (int c = 0; c < COLUMNS; c++) {
    uint column = min(firstColumn + c, cols - 1);
    bool valid = firstColumn + c < cols;
    bool own = valid && firstCol + column == sampleA;
    row1[c] = valid && !own ? l11[c] : MASKED;
    row1[COLUMNS + c] = valid ? l12[c] : MASKED;
    row2[c] = valid ? l21[c] : MASKED;
    row2[COLUMNS + c] = valid && !own ? l22[c] : MASKED;
    float logWeight = log_weight(sampleA, firstCol + column, textDot[c]);
    float w = own ? 1.0 : valid ? weight_of(logWeight) : 0.0;
    target.x += w * (own ? l12[c] : l11[c] + l12[c]);
    target.y += w * (own ? l21[c] : l21[c] + l22[c]);
    target.z += own ? 1.0 : 2.0 * w;
    target.w += own || w == 0.0 ? 0.0 : 2.0 * w * logWeight;
  }
  fold_softmax(soft.x, soft.y, row1);
  fold_softmax(soft.z, soft.w, row2);
}

// Folds COLUMNS logits of a row into its running state (max, sum of exp(l - max), sum of exp(l - max) l, logit of the own column).
void fold(inout vec4 state, uint row, uint firstColumn, float logit[COLUMNS]) {
  float high = state.x;
  [[unroll]] for (int c = 0; c < COLUMNS; c++) high = max(high, firstColumn + c < cols ? logit[c] : MASKED);
  vec2 added = vec2(0.0);
  float own = 0.0;
  [[unroll]] for (int c = 0; c < COLUMNS; c++) {
    bool valid = firstColumn + c < cols;
    float e = valid ? exp(logit[c] - high) : 0.0;
    added += vec2(e, e * logit[c]);
    own += valid && firstRow + row == firstCol + firstColumn + c ? logit[c] : 0.0;
  }
  state = vec4(high, state.yz * exp(state.x - high) + added, state.w + own);
}

// Backward coefficient of a pair: exp(logit_scale) loss scale / (4N) ((p_ij of the row's softmax) + (p_ij of the column's) - 2 for the own pair).
float coefficient(float logit, float lseRow, float lseCol, bool own) {
  return (exp(logit - lseRow) + exp(logit - lseCol) - (own ? 2.0 : 0.0)) * exp(logit_scale) * step_loss_scale() / (4.0 * float(samples));
}

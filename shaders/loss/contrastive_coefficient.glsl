// Backward coefficient of z_j in dz_i: scale ((p_ij - s_ij) + (p_ji - s_ji)), from the logit, the unnormalised target weight and both rows'
// saved softmax state (log-sum-exp of view 1's row, of view 2's, 1 / sum of target weights).
float coefficient(float logit, float w, float lseI, float lseJ, float invI, float invJ) {
  return exp(logit - lseI) + exp(logit - lseJ) - w * (invI + invJ);
}

// The four coefficients (view of row, view of column) = 11, 12, 21, 22 of a pair of samples; zero for the own pair and past the last column.
vec4 coefficients(uint row, uint column, bool valid, vec4 logits, float textDot, vec4 stateA, vec4 stateB) {
  uint sampleA = firstRow + row;
  uint sampleB = firstCol + column;
  bool own = sampleA == sampleB;
  float w = own ? 1.0 : weight_of(log_weight(sampleA, sampleB, textDot));
  vec4 g = vec4(coefficient(logits.x, w, stateA.x, stateB.x, stateA.z, stateB.z), coefficient(logits.y, w, stateA.x, stateB.y, stateA.z, stateB.z),
                coefficient(logits.z, w, stateA.y, stateB.x, stateA.z, stateB.z), coefficient(logits.w, w, stateA.y, stateB.y, stateA.z, stateB.z));
  if (own) g.xw = vec2(0.0);
  return valid ? g * invTau * step_loss_scale() / (2.0 * float(samples)) : vec4(0.0);
}

// Backward coefficient of z_j in dz_i: scale ((p_ij - s_ij) + (p_ji - s_ji)), from the logit, s_ij + s_ji and both rows' log-sum-exp.
float coefficient(float logit, float s, float lseI, float lseJ) { return exp(logit - lseI) + exp(logit - lseJ) - s; }

// The four coefficients (state = log-sum-exp of view 1's row, of view 2's, 1 / sum of target weights) (view of row, view of column) = 11, 12, 21, 22 of a pair of samples; zero for the own pair and past the last column.
vec4 coefficients(uint row, uint column, bool valid, vec4 logits, float textDot, vec4 stateA, vec4 stateB) {
  uint sampleA = firstRow + row;
  uint sampleB = firstCol + column;
  bool own = sampleA == sampleB;
  float w = own ? 1.0 : weight_of(log_weight(sampleA, sampleB, textDot));
  float back = own || TARGET != TARGET_CLASSES ? w : weight_of(log_weight(sampleB, sampleA, textDot));  // a table need not be symmetric
  float s = w * stateA.z + back * stateB.z;
  vec4 g = vec4(coefficient(logits.x, s, stateA.x, stateB.x), coefficient(logits.y, s, stateA.x, stateB.y),
                coefficient(logits.z, s, stateA.y, stateB.x), coefficient(logits.w, s, stateA.y, stateB.y));
  if (own) g.xw = vec2(0.0);
  return valid ? g * invTau * step_loss_scale() / (2.0 * float(samples)) : vec4(0.0);
}

// Shared by contrastive_fwd and contrastive_bwd (all variants): parameters, targets and the row masks.
// N samples give 2N rows; sample a's rows are view 1 and view 2 of z. Rows are those of this device, columns those of all devices.
// Every tensor with a `...At` parameter is bound as a window: rows of view 2 start anywhere, bindings only at aligned offsets, so the window
// starts at or before its first row and ...At is the first row's position in it, in vec4.
#include "grid.glsl"

const uint TARGET_OTHER_VIEW = 0;  // one: the sample's other view
const uint TARGET_LABELS = 1;      // 1 where the labels agree
const uint TARGET_CLASSES = 2;     // exp((similarity[label,label] - 1) / tau_s)
const uint TARGET_TEXT = 3;        // exp((c.c - 1) / tau_s)
layout(constant_id = 0) const uint TARGET = 3;

layout(push_constant) uniform Push {
  uint rows;       // row samples of this dispatch
  uint firstRow;   // their first sample's index among all samples
  uint cols;       // column samples of this dispatch
  uint firstCol;
  uint zWords;     // P / 4
  uint textWords;  // D / 4
  uint zRow1At, zRow2At, zCol1At, zCol2At, textRowAt, textColAt;
  uint classes;
  float invTau;
  float invTauS;
  uint splits;     // forward: workgroups that share the columns of one row tile. backward: column tiles of the slab
  uint resume;     // forward: 1 = go on from the partial states of the columns before
  uint samples;    // all samples
  uint stateRowAt; // backward: the first row sample's index among all samples
};

const float MASKED = -3.0e38;  // exp of it is 0 beside any logit
const float EMPTY = -1.0e30;   // the running maximum before the first logit: above MASKED, so that masked entries never count

// Logarithm of an unnormalised target weight of a pair of different samples; the sample's own other view has weight exactly 1.
float log_weight(uint sampleA, uint sampleB, float textDot) {
  if (TARGET == TARGET_TEXT) return (textDot - 1.0) * invTauS;
  if (TARGET == TARGET_CLASSES) return (similarity[labels[sampleA] * classes + labels[sampleB]] - 1.0) * invTauS;
  if (TARGET == TARGET_LABELS) return labels[sampleA] == labels[sampleB] ? 0.0 : MASKED;
  return MASKED;
}

float weight_of(float logWeight) { return logWeight < EMPTY ? 0.0 : exp(logWeight); }

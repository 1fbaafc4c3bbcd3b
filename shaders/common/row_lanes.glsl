// Values shared by the ROW_LANES lanes that work on one row: all lanes of the workgroup (portable), or one lane alone on a CPU driver, where
// barriers cost more than they save. Trees in a fixed order. Every lane of the workgroup must call these together.
#if ROW_LANES > 1
shared float rowValues[ROW_LANES];

float row_sum(float value) {
  uint lane = gl_LocalInvocationIndex;
  barrier();
  rowValues[lane] = value;
  for (uint width = ROW_LANES / 2; width > 0; width /= 2) {
    barrier();
    if (lane < width) rowValues[lane] += rowValues[lane + width];
  }
  barrier();
  return rowValues[0];
}

float row_max(float value) {
  uint lane = gl_LocalInvocationIndex;
  barrier();
  rowValues[lane] = value;
  for (uint width = ROW_LANES / 2; width > 0; width /= 2) {
    barrier();
    if (lane < width) rowValues[lane] = max(rowValues[lane], rowValues[lane + width]);
  }
  barrier();
  return rowValues[0];
}

#define ROW_OF_LANE flat_group()
#define LANE_OF_ROW gl_LocalInvocationIndex
#else
float row_sum(float value) { return value; }
float row_max(float value) { return value; }
#define ROW_OF_LANE flat_invocation()
#define LANE_OF_ROW 0
#endif

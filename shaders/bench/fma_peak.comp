#version 450
#extension GL_EXT_control_flow_attributes : require
#extension GL_GOOGLE_include_directive : require
#include "grid.glsl"
// Fused multiply-adds on registers alone, of which the device's fp32 speed is read: each invocation steps twelve values, independent of each other,
// 16 * rounds times, rounds at least 1: value = value * scale + shift. sums: [invocations], so that no compiler leaves the work out.
// Dispatch: one invocation per element of sums. Traffic: writes sums. FLOPs: 384 * rounds per invocation.
layout(local_size_x = 64) in;
layout(push_constant) uniform Params { uint count; uint rounds; float scale; float shift; };
layout(std430, set = 0, binding = 0) writeonly buffer Sums { float sums[]; };

void main() {
  uint i = flat_invocation();
  if (i >= count) return;
  vec4 a = vec4(0.25, 0.5, 0.75, 1.0) + float(i), b = a + 4.0, c = a + 8.0, s = vec4(scale), t = vec4(shift);
  uint r = 0;
  // Tested at its end: lavapipe runs a loop that is tested at its top at a third of the speed.
  do {
    [[unroll]] for (int k = 0; k < 16; k++) {
      a = fma(a, s, t);
      b = fma(b, s, t);
      c = fma(c, s, t);
    }
  } while (++r < rounds);
  vec4 sum = a + b + c;
  sums[i] = sum.x + sum.y + sum.z + sum.w;
}

// y = x in fp32. x: [4*quads] fp16 or bf16. Dispatch: one invocation per quad. Traffic: 6 bytes per value.
#version 450
#define F16
#extension GL_GOOGLE_include_directive : require
#include "grid.glsl"
#include "quad.glsl"
layout(local_size_x = 64) in;
layout(push_constant) uniform Params { uint quads; };
READ_ACTIVATIONS(0, X, x);
layout(std430, set = 0, binding = 1) writeonly buffer Y { vec4 y[]; };

void main() {
  uint i = flat_invocation();
  if (i < quads) y[i] = ACTIVATION(x, i);
}

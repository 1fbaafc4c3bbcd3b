#version 450
// index[0] += by: the micro-batch after it. Dispatch: one workgroup. Traffic: one word.
layout(local_size_x = 1) in;
layout(push_constant) uniform Params { uint by; };
layout(std430, set = 0, binding = 0) buffer Index { uint index[]; };

void main() {
  index[0] += by;
}

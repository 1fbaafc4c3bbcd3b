// Quads as two 64-bit words each, u64vec2 in a storage buffer: a CPU driver gathers and scatters element by element, so half as many elements take little more than half the time.
#extension GL_EXT_shader_explicit_arithmetic_types_int64 : require

vec4 quad_of(u64vec2 words) { return vec4(uintBitsToFloat(unpackUint2x32(words.x)), uintBitsToFloat(unpackUint2x32(words.y))); }

// By shifts: at 512 bits packUint2x32 writes past an array of Mesa 26.2.6's ("stack smashing detected").
u64vec2 words_of(vec4 quad) {
  uvec4 bits = floatBitsToUint(quad);
  return u64vec2(bits.xz) | (u64vec2(bits.yw) << 32);
}

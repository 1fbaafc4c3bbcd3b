// Four neighbouring channels as one access. With WORD they are two 64-bit words: a CPU driver's load costs about the same per lane and
// component whatever its width, so wide components move twice as much. Arithmetic is fp32 in both.
#ifdef WORD
#extension GL_EXT_shader_explicit_arithmetic_types_int64 : require
#define QUAD u64vec2
vec4 unpack_quad(QUAD q) {
  return vec4(uintBitsToFloat(unpackUint2x32(q.x)), uintBitsToFloat(unpackUint2x32(q.y)));
}
QUAD pack_quad(vec4 v) {
  return QUAD(packUint2x32(floatBitsToUint(v.xy)), packUint2x32(floatBitsToUint(v.zw)));
}
#else
#define QUAD vec4
vec4 unpack_quad(QUAD q) { return q; }
QUAD pack_quad(vec4 v) { return v; }
#endif

// Read-only arrays of quads (four neighbouring channels), READ_QUADS(binding, Block, name); QUAD(name, i) is the i-th.
// With WORD they are texel buffers: a CPU driver fetches texels several times faster than it loads from storage buffers (README.md, texel reads).
#ifdef WORD
#define READ_QUADS(b, Block, name) layout(set = 0, binding = b) uniform samplerBuffer name
#define QUAD(name, i) texelFetch(name, int(i))
#else
#define READ_QUADS(b, Block, name) layout(std430, set = 0, binding = b) readonly buffer Block { vec4 name[]; }
#define QUAD(name, i) name[i]
#endif

// Activations: arrays of quads that are fp32, or with F16 four halves in two words (no extension needed; arithmetic is fp32 in either case).
// READ_, WRITE_ or CHANGE_ACTIVATIONS(binding, Block, name); ACTIVATION(name, i) reads one that is only read, LOAD and STORE(name, i, v) one that is written; STORED(v) is v as STORE leaves it.
#ifdef F16
vec4 halves(uvec2 words) { return vec4(unpackHalf2x16(words.x), unpackHalf2x16(words.y)); }

// To the nearest half, ties to even; beyond the largest, infinite; NaN stays NaN. packHalf2x16 alone may truncate and saturate (lavapipe 22.3.6 does), which biases sums and
// hides overflows from the loss scale. What it is given here is a half already; below the smallest normal half, 2^-14, a sum with 1/2 rounds to the halves' quantum of 2^-24.
uvec2 to_halves(vec4 v) {
  uvec4 bits = floatBitsToUint(v), even = bits + 0xfffu + (bits >> 13 & 1u);
  uvec4 sign = bits & 0x80000000u, size = even & 0x7fffe000u;
  size = mix(size, uvec4(0x7f800000u), greaterThan(size, uvec4(0x477fe000u)));
  size = mix(size, uvec4(0x7fc00000u), greaterThan(bits & 0x7fffffffu, uvec4(0x7f800000u)));
  precise vec4 small = (abs(v) + 0.5) - 0.5;
  size = mix(size, floatBitsToUint(small), lessThan(bits & 0x7fffffffu, uvec4(0x38800000u)));
  vec4 half4 = uintBitsToFloat(sign | size);
  return uvec2(packHalf2x16(half4.xy), packHalf2x16(half4.zw));
}
#define STORAGE uvec2
#define LOAD(name, i) halves(name[i])
#define STORE(name, i, v) name[i] = to_halves(v)
#define STORED(v) halves(to_halves(v))
#else
#define STORAGE vec4
#define LOAD(name, i) name[i]
#define STORE(name, i, v) name[i] = v
#define STORED(v) (v)
#endif
#define WRITE_ACTIVATIONS(b, Block, name) layout(std430, set = 0, binding = b) writeonly buffer Block { STORAGE name[]; }
#define CHANGE_ACTIVATIONS(b, Block, name) layout(std430, set = 0, binding = b) buffer Block { STORAGE name[]; }
#ifdef WORD
#define READ_ACTIVATIONS(b, Block, name) READ_QUADS(b, Block, name)
#define ACTIVATION(name, i) QUAD(name, i)
#else
#define READ_ACTIVATIONS(b, Block, name) layout(std430, set = 0, binding = b) readonly buffer Block { STORAGE name[]; }
#define ACTIVATION(name, i) LOAD(name, i)
#endif

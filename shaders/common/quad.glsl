// Read-only arrays of quads (four neighbouring channels), READ_QUADS(binding, Block, name); QUAD(name, i) is the i-th.
// With WORD they are texel buffers: a CPU driver fetches texels several times faster than it loads from storage buffers (README.md, texel reads).
#ifdef WORD
#define READ_QUADS(b, Block, name) layout(set = 0, binding = b) uniform samplerBuffer name
#define QUAD(name, i) texelFetch(name, int(i))
#else
#define READ_QUADS(b, Block, name) layout(std430, set = 0, binding = b) readonly buffer Block { vec4 name[]; }
#define QUAD(name, i) name[i]
#endif

// Activations: arrays of quads that are fp32, or with F16 sixteen bits each (words.glsl: fp16, with BF16 bfloat16).
// READ_, WRITE_ or CHANGE_ACTIVATIONS(binding, Block, name); ACTIVATION(name, i) reads one that is only read, LOAD and STORE(name, i, v) one that is written; STORED(v) is v as STORE leaves it.
#ifdef F16
#include "words.glsl"
#define STORAGE uvec2
#define LOAD(name, i) from_words(name[i])
#define STORE(name, i, v) name[i] = to_words(v)
#define STORED(v) from_words(to_words(v))
#else
#define STORAGE vec4
#define LOAD(name, i) name[i]
#define STORE(name, i, v) name[i] = v
#define STORED(v) (v)
#endif
#define WRITE_ACTIVATIONS(b, Block, name) layout(std430, set = 0, binding = b) writeonly buffer Block { STORAGE name[]; }
#define CHANGE_ACTIVATIONS(b, Block, name) layout(std430, set = 0, binding = b) buffer Block { STORAGE name[]; }
#if defined(WORD) && defined(BF16)
#define READ_ACTIVATIONS(b, Block, name) layout(set = 0, binding = b) uniform usamplerBuffer name
#define ACTIVATION(name, i) from_words(texelFetch(name, int(i)).xy)
#elif defined(WORD)
#define READ_ACTIVATIONS(b, Block, name) READ_QUADS(b, Block, name)
#define ACTIVATION(name, i) QUAD(name, i)
#else
#define READ_ACTIVATIONS(b, Block, name) layout(std430, set = 0, binding = b) readonly buffer Block { STORAGE name[]; }
#define ACTIVATION(name, i) LOAD(name, i)
#endif

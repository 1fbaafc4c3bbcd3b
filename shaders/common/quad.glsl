// Read-only arrays of quads (four neighbouring channels), READ_QUADS(binding, Block, name); QUAD(name, i) is the i-th.
// With WORD they are texel buffers: a CPU driver fetches texels several times faster than it loads from storage buffers (README.md, texel reads).
#ifdef WORD
#define READ_QUADS(b, Block, name) layout(set = 0, binding = b) uniform samplerBuffer name
#define QUAD(name, i) texelFetch(name, int(i))
#else
#define READ_QUADS(b, Block, name) layout(std430, set = 0, binding = b) readonly buffer Block { vec4 name[]; }
#define QUAD(name, i) name[i]
#endif

#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_samplerless_texture_functions : require
// Averages blocks of factor x factor texels of a host's image (smaller ones at the right and bottom edge), as the decoder reduces large files, and packs them as 8-bit RGB without padding:
//   byte 3 (y w + x) + c = (sum of the block's bytes c + count / 2) / count,  w = ceil(width / factor).  factor 1: the texels as they are.
// image: 2-D, of an 8-bit UNORM format, whose texels are bytes / 255. rgb [ceil(3 w h / 4)] words. Dispatch: an invocation makes 4 pixels, which are 3 words.
// Traffic: the image once, rgb once.
#include "grid.glsl"
layout(local_size_x = 64) in;
layout(binding = 0) uniform texture2D image;
layout(std430, binding = 1) writeonly buffer Packed { uint rgb[]; };
layout(push_constant) uniform Params { uint width, height, factor; };

// Red, green and blue in the lowest three bytes.
uint pixel(uint column, uint row) {
  uvec2 from = uvec2(column, row) * factor, to = min(from + factor, uvec2(width, height));
  uvec3 sum = uvec3(0u);
  for (uint y = from.y; y < to.y; y++)
    for (uint x = from.x; x < to.x; x++)
      sum += uvec3(texelFetch(image, ivec2(x, y), 0).rgb * 255.0 + 0.5);
  uint count = (to.x - from.x) * (to.y - from.y);
  sum = (sum + count / 2u) / count;
  return sum.r | sum.g << 8 | sum.b << 16;
}

void main() {
  uint w = (width + factor - 1u) / factor, h = (height + factor - 1u) / factor, pixels = w * h, words = (3u * pixels + 3u) / 4u, at = 3u * flat_invocation();
  if (at >= words) return;
  uint p[4];
  for (uint k = 0u; k < 4u; k++) {
    uint i = at / 3u * 4u + k;
    p[k] = i < pixels ? pixel(i % w, i / w) : 0u;
  }
  rgb[at] = p[0] | p[1] << 24;
  if (at + 1u < words) rgb[at + 1u] = p[1] >> 8 | p[2] << 16;
  if (at + 2u < words) rgb[at + 2u] = p[2] >> 16 | p[3] << 8;
}

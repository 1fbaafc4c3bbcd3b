#version 450
#extension GL_GOOGLE_include_directive : require
// Crops a box of an 8-bit image and resamples it with an antialiased triangle or cubic (a = -0.5) filter:
//   y[n,i,j] = sum_rc v_i(r) h_j(c) source[r,c] / 255,  filter widened by the scale where it shrinks, weights normalised inside the box.
// ring: bytes as words; table [*] of views, of which those without channels are left as they are; y [N,S,S,4], values of 0 to 1 (cubic: a little beyond), padding 0.
// Dispatch: per image ceil(ceil(S/8)*S/64) groups; an invocation makes 8 rows of one column, so that each horizontal sum is used for
// all the rows that need it, without scratch memory. Traffic: the box (through caches), y once.
#include "grid.glsl"
#include "augment.glsl"
layout(local_size_x = 64) in;
layout(constant_id = 0) const bool BICUBIC = true;
layout(std430, binding = 0) readonly buffer Ring { uint ring[]; };
layout(std430, binding = 1) readonly buffer Table { Entry table[]; };
layout(std430, binding = 2) writeonly buffer Y { vec4 y[]; };
layout(push_constant) uniform Params { uint first, n, size; };
const int ROWS = 8;
const float TAPS = BICUBIC ? 2.0 : 1.0;

float filter_weight(float x) {
  x = abs(x);
  if (!BICUBIC) return max(1.0 - x, 0.0);
  float inner = (1.5 * x - 2.5) * x * x + 1.0;
  float outer = ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0;
  return x < 1.0 ? inner : x < 2.0 ? outer : 0.0;
}

// Centre of output pixel i, less a half, in source pixels: whole part and fraction, exact where one float would lose a large image's fraction.
struct Centre { int whole; float fraction; };
Centre centre_of(uint i, uint from, uint to) {
  uint twice = (2u * i + 1u) * from;
  return Centre(int(twice / (2u * to)), float(twice % (2u * to)) / float(2u * to) - 0.5);
}

struct Columns { int count; float centre, inv_scale; uint channels; };

// Horizontal sum over one source row, in units of 1/255. `address`: byte of the first tap. One load per tap: of a pixel that straddles
// two words, the first word is the one that the pixel before it ended in.
vec3 filter_row(Columns c, uint address) {
  vec3 sum = vec3(0.0);
  uint before = ring[address >> 2];
  for (int k = 0; k < c.count; k++) {
    uint last = (address + c.channels - 1u) >> 2;
    uint word = ring[last], shift = 8u * (address & 3u);
    uint bits = (address >> 2) == last ? word >> shift : before >> shift | word << (32u - shift);
    if (c.channels == 1u) bits = (bits & 255u) * 0x10101u;
    sum += filter_weight((float(k) - c.centre) * c.inv_scale) * vec3(bits & 255u, bits >> 8 & 255u, bits >> 16 & 255u);
    before = word;
    address += c.channels;
  }
  return sum;
}

void main() {
  uint strips = (size + ROWS - 1) / ROWS, per_image = (strips * size + 63u) / 64u;
  uint image = flat_group() / per_image, item = flat_group() % per_image * 64u + gl_LocalInvocationIndex;
  if (image >= n || item >= strips * size) return;
  Entry e = table[first + image];
  if (e.channels == 0u) return;
  uint top = item / size * ROWS, column = item % size, rows = min(size - top, ROWS);

  float step = float(e.crop_w) / float(e.resize_w), scale = max(step, 1.0), support = TAPS * scale;
  Centre x0 = centre_of((e.flip != 0u ? size - 1u - column : column) + e.window_x, e.crop_w, e.resize_w);
  int begin = max(x0.whole + int(ceil(x0.fraction - support)), 0), end = min(x0.whole + int(ceil(x0.fraction + support)), int(e.crop_w));
  Columns c = Columns(end - begin, float(x0.whole - begin) + x0.fraction, 1.0 / scale, e.channels);
  float weight_x = 0.0;
  for (int k = 0; k < c.count; k++) weight_x += filter_weight((float(k) - c.centre) * c.inv_scale);
  uint address = e.source_offset + e.crop_y * e.stride + (e.crop_x + begin) * e.channels;

  step = float(e.crop_h) / float(e.resize_h);
  scale = max(step, 1.0);
  support = TAPS * scale;
  Centre y0 = centre_of(top + e.window_y, e.crop_h, e.resize_h);
  begin = max(y0.whole + int(ceil(y0.fraction - support)), 0);
  end = min(y0.whole + int(ceil(y0.fraction + float(rows - 1u) * step + support)), int(e.crop_h));
  float inv_scale = 1.0 / scale, weight_y[ROWS];
  vec3 sum[ROWS];
  for (int r = 0; r < ROWS; r++) weight_y[r] = 0.0, sum[r] = vec3(0.0);
  for (int source = begin; source < end; source++) {
    vec3 h = filter_row(c, address + source * e.stride);
    for (int r = 0; r < ROWS; r++) {
      float w = filter_weight((float(source - y0.whole) - (y0.fraction + float(r) * step)) * inv_scale);
      sum[r] += w * h;
      weight_y[r] += w;
    }
  }
  uint at = (image * size + top) * size + column;
  for (int r = 0; r < ROWS; r++)
    if (r < rows) y[at + r * size] = vec4(sum[r] / (255.0 * weight_x * weight_y[r]), 0.0);
}

#version 450
#extension GL_GOOGLE_include_directive : require
// Crops a box of an 8-bit image and resamples it with an antialiased triangle or cubic (a = -0.5) filter:
//   y[n,i,j] = sum_rc v_i(r) h_j(c) source[r,c] / 255,  filter widened by the scale where it shrinks, weights normalised inside the box.
// ring: bytes as words; table [*] of views; y [N,S,S,4], values of 0 to 1 (cubic: a little beyond), padding 0.
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

float filter_weight(float x) {
  x = abs(x);
  if (!BICUBIC) return max(1.0 - x, 0.0);
  float inner = (1.5 * x - 2.5) * x * x + 1.0;
  float outer = ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0;
  return x < 1.0 ? inner : x < 2.0 ? outer : 0.0;
}

// Centre of output i in source pixels as whole and fraction: exact, where a float would lose a large image's fraction.
int centre_whole(uint i, uint from, uint to) { return int((2u * i + 1u) * from / (2u * to)); }
float centre_fraction(uint i, uint from, uint to) { return float((2u * i + 1u) * from % (2u * to)) / float(2u * to); }

// First and one past the last source pixel closer to the centre than the support, inside the box.
int first_tap(int whole, float fraction, float support) { return max(whole + int(ceil(fraction - support - 0.5)), 0); }
int end_tap(int whole, float fraction, float support, uint from) { return min(whole + int(ceil(fraction + support - 0.5)), int(from)); }

struct Columns { int begin, end; float centre, inv_scale; uint channels; };

// Horizontal sum over one source row, in units of 1/255. `address`: byte of the first tap. One load per tap: of a pixel that straddles
// two words, the first word is the one that the pixel before it ended in.
vec3 filter_row(Columns c, uint address) {
  vec3 sum = vec3(0.0);
  uint before = ring[address >> 2];
  for (int x = c.begin; x < c.end; x++) {
    uint last = (address + c.channels - 1u) >> 2;
    uint word = ring[last], shift = 8u * (address & 3u);
    uint bits = (address >> 2) == last ? word >> shift : before >> shift | word << (32u - shift);
    if (c.channels == 1u) bits = (bits & 255u) * 0x10101u;
    sum += filter_weight((float(x - c.begin) - c.centre) * c.inv_scale) * vec3(bits & 255u, bits >> 8 & 255u, bits >> 16 & 255u);
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
  uint top = item / size * ROWS, column = item % size;

  uint i = (e.flip != 0u ? size - 1u - column : column) + e.window_x;
  float scale = max(float(e.crop_w) / float(e.resize_w), 1.0), support = (BICUBIC ? 2.0 : 1.0) * scale;
  int whole = centre_whole(i, e.crop_w, e.resize_w);
  float fraction = centre_fraction(i, e.crop_w, e.resize_w);
  Columns c = Columns(first_tap(whole, fraction, support), end_tap(whole, fraction, support, e.crop_w), 0.0, 1.0 / scale, e.channels);
  c.centre = float(whole - c.begin) + fraction - 0.5;
  float weight_x = 0.0;
  for (int x = c.begin; x < c.end; x++) weight_x += filter_weight((float(x - c.begin) - c.centre) * c.inv_scale);

  scale = max(float(e.crop_h) / float(e.resize_h), 1.0);
  support = (BICUBIC ? 2.0 : 1.0) * scale;
  float centre[ROWS], weight_y[ROWS];
  vec3 sum[ROWS];
  int begin = 0, end = 0, origin = centre_whole(top + e.window_y, e.crop_h, e.resize_h);
  for (int r = 0; r < ROWS; r++) {
    uint row = min(top + r, size - 1u) + e.window_y;
    whole = centre_whole(row, e.crop_h, e.resize_h);
    fraction = centre_fraction(row, e.crop_h, e.resize_h);
    if (r == 0) begin = first_tap(whole, fraction, support);
    end = end_tap(whole, fraction, support, e.crop_h);
    centre[r] = float(whole - origin) + fraction - 0.5;
    weight_y[r] = 0.0;
    sum[r] = vec3(0.0);
  }
  float inv_scale = 1.0 / scale;
  for (int source = begin; source < end; source++) {
    vec3 h = filter_row(c, e.source_offset + (e.crop_y + source) * e.stride + (e.crop_x + c.begin) * e.channels);
    for (int r = 0; r < ROWS; r++) {
      float w = filter_weight((float(source - origin) - centre[r]) * inv_scale);
      sum[r] += w * h;
      weight_y[r] += w;
    }
  }
  uint at = (image * size + top) * size + column;
  for (int r = 0; r < ROWS; r++)
    if (top + r < size) y[at + r * size] = vec4(sum[r] / (255.0 * weight_x * weight_y[r]), 0.0);
}

// One row of the table of views: C#'s AugmentEntry, field for field, 25 words.
struct Entry {
  uint source_offset, width, height, stride, channels;
  uint crop_x, crop_y, crop_w, crop_h;
  uint resize_w, resize_h, window_x, window_y;
  uint flip, jitter;
  float brightness, contrast, saturation, hue;
  uint jitter_order, grey, blur;
  float blur_sigma;
  uint solarise;
  float solarise_threshold;
};

const uint BRIGHTNESS = 0u, CONTRAST = 1u, SATURATION = 2u, HUE = 3u;

float grey_of(vec3 rgb) {
  return 0.2989 * rgb.r + 0.587 * rgb.g + 0.114 * rgb.b;
}

// Turns the hue by `turns`. With v = max and c = max - min, the classic p, q, t = v(1-s), v(1-sf), v(1-s(1-f)) are v-c, v-cf, v-c(1-f):
// no division by v, so values at or below 0 (a bicubic undershoot) are safe.
vec3 turn_hue(vec3 rgb, float turns) {
  float v = max(rgb.r, max(rgb.g, rgb.b));
  float c = v - min(rgb.r, min(rgb.g, rgb.b));
  vec3 d = (v - rgb) / (c == 0.0 ? 1.0 : c);
  float h = rgb.r == v ? d.b - d.g : rgb.g == v ? 2.0 + d.r - d.b : 4.0 + d.g - d.r;
  float h6 = 6.0 * fract(h / 6.0 + 1.0 + turns);
  float f = fract(h6);
  float p = clamp(v - c, 0.0, 1.0), q = clamp(v - c * f, 0.0, 1.0), t = clamp(v - c * (1.0 - f), 0.0, 1.0);
  uint sextant = uint(h6) % 6u;
  return sextant == 0u ? vec3(v, t, p) : sextant == 1u ? vec3(q, v, p) : sextant == 2u ? vec3(p, v, t)
       : sextant == 3u ? vec3(p, q, v) : sextant == 4u ? vec3(t, p, v) : vec3(v, p, q);
}

// Jitter steps in order until the hue's or `stop` comes; returns the order of those left, which ends at the marker 1. Each step blends with
// black, the image's mean grey or the pixel's grey. A factor of exactly 1 (hue: 0) means that the step is absent: it does not even clip.
uint blend_steps(Entry e, uint order, uint stop, float mean_grey, inout vec3 rgb) {
  for (; order != 1u && (order & 3u) != HUE && (order & 3u) != stop; order >>= 2) {
    uint step = order & 3u;
    float factor = step == BRIGHTNESS ? e.brightness : step == CONTRAST ? e.contrast : e.saturation;
    float other = step == BRIGHTNESS ? 0.0 : step == CONTRAST ? mean_grey : grey_of(rgb);
    rgb = factor == 1.0 ? rgb : clamp(factor * rgb + (1.0 - factor) * other, 0.0, 1.0);
  }
  return order;
}

// The jitter's steps before `stop`; 4 = all. The hue has one place in the code: CPU drivers compute both sides of every branch.
vec3 jitter_steps(Entry e, uint stop, float mean_grey, vec3 rgb) {
  uint order = blend_steps(e, e.jitter_order | 0x100u, stop, mean_grey, rgb);
  if (order == 1u || (order & 3u) != HUE) return rgb;
  if (e.hue != 0.0) rgb = turn_hue(rgb, e.hue);
  blend_steps(e, order >> 2, stop, mean_grey, rgb);
  return rgb;
}

// The last steps: solarise, then normalise; the padding channel is zero.
vec4 finish(Entry e, vec3 rgb, vec3 mean, vec3 std) {
  // A device's division by 255 may be off by 2.5 units in the last place: a byte at the threshold counts all the same.
  if (e.solarise != 0u) rgb = mix(rgb, 1.0 - rgb, greaterThanEqual(rgb, vec3(e.solarise_threshold - 4e-7)));
  return vec4((rgb - mean) / std, 0.0);
}

// Colour jitter in the drawn order and greyscale; then solarise and normalise, or, where the image goes on to the blur, back to x as it is:
//   y = (solarise(grey(jitter(x))) - mean) / std;  views without channels are left as they are
// table [*], partial [N,ceil(S*S/2048)] (grey_fwd), x, y [N,S,S,4]. Dispatch: a group of 64 per 1024 pixels. Traffic: x and y once.
#include "grid.glsl"
#include "quad.glsl"
#include "augment.glsl"
layout(local_size_x = 64) in;
layout(std430, binding = 0) readonly buffer Table { Entry table[]; };
layout(std430, binding = 1) readonly buffer Partial { float partial[]; };
layout(std430, binding = 2) buffer X { vec4 x[]; };
WRITE_ACTIVATIONS(3, Y, y);
layout(push_constant) uniform Params { uint first, n, size, radius; float mean_r, mean_g, mean_b, std_r, std_g, std_b; };

void main() {
  uint pixels = size * size, per_image = (pixels + 1023u) / 1024u, chunks = (pixels + 2047u) / 2048u;
  uint image = flat_group() / per_image, chunk = flat_group() % per_image;
  if (image >= n) return;
  Entry e = table[first + image];
  if (e.channels == 0u) return;
  float mean_grey = 0.0;
  if (e.jitter != 0u && e.contrast != 1.0) {
    for (uint k = 0u; k < chunks; k++) mean_grey += partial[image * chunks + k];
    mean_grey /= float(pixels);
  }

  vec3 mean = vec3(mean_r, mean_g, mean_b), std = vec3(std_r, std_g, std_b);
  uint end = min(chunk * 1024u + 1024u, pixels);
  for (uint p = chunk * 1024u + gl_LocalInvocationIndex; p < end; p += 64u) {
    uint at = image * pixels + p;
    vec3 rgb = x[at].rgb;
    if (e.jitter != 0u) rgb = jitter_steps(e, 4u, mean_grey, rgb);
    if (e.grey != 0u) rgb = vec3(grey_of(rgb));
    if (e.blur != 0u && radius != 0u)
      x[at] = vec4(rgb, 0.0);
    else
      STORE(y, at, finish(e, rgb, mean, std));
  }
}

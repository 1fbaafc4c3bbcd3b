// One convolution as rows x columns: row m is the pixel (n, p, q) of a grid [N,P,Q], columns are output channels. Rows are in the order of memory, or, with
// IMAGES_FASTEST, pixel by pixel over all images: then a tile's rows mostly lie at one pixel, and taps outside of the image are skipped for all of them.
//   out[n, p*OUT_STRIDE + out_y, q*OUT_STRIDE + out_x, k] = sum over tap (r, s) and channel c of in[n, p*stride + y0 + r, q*stride + x0 + s, c] * w[tap, c, k]
// Forward: the grid is the output. Data gradient: in = dy, w = transposed weights, one such convolution per residue class of the input pixels.
#ifndef FIRST_ID  // of this file's one to three specialisation constants
#define FIRST_ID 0
#endif
#ifdef NORM_SUMS
layout(constant_id = FIRST_ID) const uint MASK = 0u;           // norm_sums.glsl
#else
// 1: in * scale[c] + shift[c]; 2: the same, then ReLU (neither in kernels for CPU drivers); 3: sum * scale[k] + shift[k]; 4: the same, with ReLU behind all else; 5, RESIDUAL: as 4, where what is added is normalised too
layout(constant_id = FIRST_ID) const uint NORM = 0u;
const bool ON_LOAD = NORM == 1u || NORM == 2u, ON_STORE = NORM >= 3u;
#endif
#ifdef RESIDUAL
const uint ADD = 1u;                                           // to what lies elsewhere
const bool STATISTICS = false;
#define NEXT_ID FIRST_ID + 1
#define POINTERS
#else
layout(constant_id = FIRST_ID + 1) const uint ADD = 0u;  // 1: adds to out; s > 1: to those of its pixels whose row and column are multiples of s, the others are written
#endif
#ifdef NORM_SUMS
#define NEXT_ID FIRST_ID + 2
#define POINTERS
#endif
#ifndef POINTERS
#define NEXT_ID FIRST_ID + 3
#define POINTERS
layout(constant_id = FIRST_ID + 2) const bool STATISTICS = false;  // writes (mean, M2) per block of rows and column
#endif
layout(push_constant) uniform Params {
  POINTERS              // addresses of what is not bound (lanerow)
  int N, P, Q;          // grid: images, pixels of one image
  int H, W, C4;         // input image, channels / 4
  int K4;               // output channels / 4
  int stride, y0, x0;   // where a row's first tap lies
  int R, S;             // taps; R = 0, S = 1: none
  int outH, outW, outStride, outY, outX;
  int firstBlock;       // index of this dispatch's first block of rows in `partials`
};

struct Pixel { int n, p, q; };

int M = N * P * Q;

#ifdef IMAGES_FASTEST
Pixel pixel_of(int m) {
  int t = m / N;
  return Pixel(m - t * N, t / Q, t % Q);
}

// The following row; stays where the next row is past the end.
Pixel next_pixel(Pixel a, bool more) {
  int n = a.n + int(more);
  bool wrapN = n == N;
  int q = a.q + int(wrapN);
  bool wrapQ = q == Q;
  return Pixel(mix(n, 0, wrapN), a.p + int(wrapQ), mix(q, 0, wrapQ));
}
#else
Pixel pixel_of(int m) {
  int t = m / Q;
  return Pixel(t / P, t % P, m % Q);
}

Pixel next_pixel(Pixel a, bool more) {
  int q = a.q + int(more);
  bool wrapQ = q == Q;
  int p = a.p + int(wrapQ);
  bool wrapP = p == P;
  return Pixel(a.n + int(wrapP), mix(p, 0, wrapP), mix(q, 0, wrapQ));
}
#endif

int out_texel(Pixel a) { return ((a.n * outH + a.p * outStride + outY) * outW + a.q * outStride + outX) * K4; }

// Whether this pixel of out is added to, where ADD is not 0.
bool adds_to(Pixel a) { return ADD == 1u || ((a.p * outStride + outY) % int(ADD) == 0 && (a.q * outStride + outX) % int(ADD) == 0); }

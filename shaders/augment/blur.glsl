// Weights of the Gaussian, w_i = exp(-i*i / (2 sigma*sigma)), from centre outwards by two multiplications each:
// w_(i+1) = w_i g_i, g_(i+1) = g_i exp(-1 / (sigma*sigma)). Underflow to 0 is right.
struct Gauss { float w, g, q; };

Gauss gauss_start(float sigma) {
  float a = -0.5 / (sigma * sigma);
  return Gauss(1.0, exp(a), exp(2.0 * a));
}

void gauss_next(inout Gauss gauss) {
  gauss.w *= gauss.g;
  gauss.g *= gauss.q;
}

// Mirrored at the edges without repeating them; |overhang| < size.
uint reflect_index(int i, uint size) {
  i = abs(i);
  return uint(min(i, 2 * int(size) - 2 - i));
}

/*
 * host_minimal CHECKPOINT IMAGE...: embeds image files, prints each file's first numbers and the cosine of the first two.
 *
 *   cc -std=c11 -I native/include native/samples/host_minimal.c -o host_minimal -L build/plugin -lxclr -lm -Wl,-rpath,"$PWD/build/plugin"
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "xclr.h"

static void check(xclr_status status) {
  if (status == XCLR_OK) return;
  fprintf(stderr, "host_minimal: %s\n", xclr_last_error());
  exit(status);
}

static double cosine(const float *a, const float *b, uint32_t n) {
  double ab = 0, aa = 0, bb = 0;
  for (uint32_t i = 0; i < n; i++) ab += a[i] * b[i], aa += a[i] * a[i], bb += b[i] * b[i];
  return ab / sqrt(aa * bb);
}

int main(int argc, char **argv) {
  if (argc < 3) {
    fprintf(stderr, "usage: host_minimal CHECKPOINT IMAGE...\n");
    return XCLR_ERROR_ARGUMENT;
  }
  if (xclr_abi_version() != XCLR_ABI_VERSION) {
    fprintf(stderr, "host_minimal: libxclr.so has version %u, this program was compiled for %u\n", xclr_abi_version(), XCLR_ABI_VERSION);
    return XCLR_ERROR_ARGUMENT;
  }
  xclr_context context;
  check(xclr_create(NULL, &context));
  char device[256];
  check(xclr_device_name(context, device, sizeof device));
  printf("%s\n", device);

  xclr_encoder encoder;
  check(xclr_encoder_load(context, argv[1], 8, &encoder));
  xclr_encoder_info info = {.size = sizeof info};
  check(xclr_encoder_describe(encoder, &info));

  uint32_t count = (uint32_t)(argc - 2), width = info.feature_width;
  float *features = malloc(sizeof(float) * count * width);
  if (features == NULL) return perror("malloc"), 1;
  check(xclr_embed_files(encoder, (const char *const *)argv + 2, count, features, NULL));
  for (uint32_t i = 0; i < count; i++) {
    const float *row = features + (size_t)i * width;
    printf("%s: %u numbers, %.6f %.6f %.6f ...\n", argv[i + 2], width, row[0], row[1], row[2]);
  }
  if (count > 1) printf("cosine of the first two: %.4f\n", cosine(features, features + width, width));
  free(features);
  check(xclr_destroy(context)); /* the encoder ends with it */
  return 0;
}

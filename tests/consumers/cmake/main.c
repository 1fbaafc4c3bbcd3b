/* Opens a device and embeds a caption. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <xclr.h>

static void check(xclr_status status) {
  if (status != XCLR_OK) fprintf(stderr, "%s\n", xclr_last_error()), exit(status);
}

int main(void) {
  if (xclr_abi_version() != XCLR_ABI_VERSION) return 1;
  xclr_context context;
  check(xclr_create(NULL, &context));
  char name[200];
  check(xclr_device_name(context, name, sizeof name));
  xclr_text text;
  check(xclr_text_open("static-minilm-128", &text));
  uint32_t width;
  check(xclr_text_width(text, &width));
  float *embedding = malloc(width * sizeof *embedding), squares = 0;
  const char *caption = "a photo of a dog";
  check(xclr_text_embed(text, &caption, 1, embedding));
  for (uint32_t i = 0; i < width; i++) squares += embedding[i] * embedding[i];
  printf("%s: %u floats, squares %.4f\n", name, width, (double)squares);
  free(embedding);
  check(xclr_text_free(text));
  check(xclr_destroy(context));
  return 0;
}

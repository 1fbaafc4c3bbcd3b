/* The C ABI of xclr_image.h on JPEGs that this test writes itself: values, scales, orientation, limits, damage, threads. */
#include "xclr_image.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

static int failures;

#define CHECK(condition, ...)                               \
  do {                                                      \
    if (!(condition)) {                                     \
      failures++;                                           \
      fprintf(stderr, "line %d: %s: ", __LINE__, #condition); \
      fprintf(stderr, __VA_ARGS__);                         \
      fputc('\n', stderr);                                  \
    }                                                       \
  } while (0)

typedef struct {
  uint8_t *data;
  size_t size;
} file;

typedef struct {
  J_COLOR_SPACE space; /* JCS_GRAYSCALE, JCS_RGB or JCS_CMYK */
  int width, height;
  int progressive, arithmetic, adobe;
  int orientation; /* 0: no EXIF */
  int noise;       /* levels of noise added, so that neighbours differ */
  int across, down; /* luma samples per chroma sample; 0: libjpeg's choice, 2 x 2 */
} recipe;

/* A smooth picture, so that quality 95 keeps it within a few levels. */
static int channel(int x, int y, int c, int width, int height) {
  double u = width > 1 ? (double)x / (width - 1) : 0, v = height > 1 ? (double)y / (height - 1) : 0;
  double value = c == 0 ? u : c == 1 ? v : c == 2 ? (u + v) / 2 : 0.2 + 0.3 * u;
  return (int)lround(255 * value);
}

static uint32_t random_state = 1;

static uint32_t next_random(void) {
  random_state = random_state * 1664525u + 1013904223u;
  return random_state >> 8;
}

static void write_exif(j_compress_ptr jpeg, int orientation) {
  JOCTET exif[] = {'E', 'x', 'i', 'f', 0, 0, 'M', 'M', 0, '*', 0, 0, 0, 8, 0, 1, 0x01, 0x12, 0, 3,
                   0,   0,   0,   1,   0, 0, 0,   0,   0, 0,   0, 0};
  exif[25] = (JOCTET)orientation;
  jpeg_write_marker(jpeg, JPEG_APP0 + 1, exif, sizeof exif);
}

static file encode(recipe r) {
  struct jpeg_compress_struct jpeg;
  struct jpeg_error_mgr errors;
  unsigned char *out = NULL;
  unsigned long size = 0;
  jpeg.err = jpeg_std_error(&errors);
  jpeg_create_compress(&jpeg);
  jpeg_mem_dest(&jpeg, &out, &size);
  int components = r.space == JCS_GRAYSCALE ? 1 : r.space == JCS_RGB ? 3 : 4;
  jpeg.image_width = (JDIMENSION)r.width;
  jpeg.image_height = (JDIMENSION)r.height;
  jpeg.input_components = components;
  jpeg.in_color_space = r.space;
  jpeg_set_defaults(&jpeg);
  jpeg_set_quality(&jpeg, 95, TRUE);
  if (r.progressive) jpeg_simple_progression(&jpeg);
  jpeg.arith_code = r.arithmetic ? TRUE : FALSE;
  if (r.across) jpeg.comp_info[0].h_samp_factor = r.across;
  if (r.down) jpeg.comp_info[0].v_samp_factor = r.down;
  if (components == 4) jpeg.write_Adobe_marker = r.adobe ? TRUE : FALSE;
  jpeg_start_compress(&jpeg, TRUE);
  if (r.orientation) write_exif(&jpeg, r.orientation);
  JSAMPLE *row = malloc((size_t)r.width * 4);
  for (int y = 0; y < r.height; y++) {
    for (int x = 0; x < r.width; x++)
      for (int c = 0; c < components; c++) {
        int value = channel(x, y, c, r.width, r.height) + (r.noise ? (int)(next_random() % (unsigned)r.noise) : 0);
        row[x * components + c] = (JSAMPLE)(value > 255 ? 255 : value);
      }
    jpeg_write_scanlines(&jpeg, &row, 1);
  }
  free(row);
  jpeg_finish_compress(&jpeg);
  jpeg_destroy_compress(&jpeg);
  return (file){out, size};
}

static double expected(recipe r, int x, int y, int c) {
  if (r.space == JCS_GRAYSCALE) return channel(x, y, 0, r.width, r.height);
  if (r.space == JCS_RGB) return channel(x, y, c, r.width, r.height);
  double ink = channel(x, y, c, r.width, r.height), black = channel(x, y, 3, r.width, r.height);
  return r.adobe ? ink * black / 255 : (255 - ink) * (255 - black) / 255;
}

static void check_pixels(recipe r) {
  file f = encode(r);
  size_t size = (size_t)r.width * r.height * 3;
  uint8_t *rgb = malloc(size);
  char message[200] = "";
  int32_t status = xclr_jpeg_decode(f.data, f.size, 8, NULL, rgb, size, message, sizeof message);
  CHECK(status == XCLR_OK, "space %d: %d %s", r.space, status, message);
  double worst = 0;
  for (int y = 0; y < r.height; y++)
    for (int x = 0; x < r.width; x++)
      for (int c = 0; c < 3; c++) {
        double error = fabs(expected(r, x, y, c) - rgb[((size_t)y * r.width + x) * 3 + c]);
        worst = error > worst ? error : worst;
      }
  /* Chroma is subsampled and quantised at quality 95: a smooth ramp stays within a few levels. */
  CHECK(worst <= 8, "space %d progressive %d adobe %d: off by %g", r.space, r.progressive, r.adobe, worst);
  free(rgb);
  free(f.data);
}

static void test_values(void) {
  for (int progressive = 0; progressive < 2; progressive++) {
    check_pixels((recipe){.space = JCS_RGB, .width = 97, .height = 61, .progressive = progressive});
    check_pixels((recipe){.space = JCS_GRAYSCALE, .width = 33, .height = 70, .progressive = progressive});
    check_pixels((recipe){.space = JCS_CMYK, .width = 50, .height = 40, .progressive = progressive, .adobe = 1});
    check_pixels((recipe){.space = JCS_CMYK, .width = 50, .height = 40, .progressive = progressive});
  }
  check_pixels((recipe){.space = JCS_RGB, .width = 64, .height = 64, .arithmetic = 1});
  check_pixels((recipe){.space = JCS_GRAYSCALE, .width = 1, .height = 1});
}

static void test_header_and_scales(void) {
  file f = encode((recipe){.space = JCS_RGB, .width = 101, .height = 55, .orientation = 6, .progressive = 1});
  xclr_jpeg_header h = {0};
  CHECK(xclr_jpeg_read_header(f.data, f.size, &h, NULL, 0) == XCLR_OK, "header");
  CHECK(h.width == 101 && h.height == 55 && h.components == 3 && h.orientation == 6 && h.precision == 8 && h.multi_scan == 1,
        "%d x %d, %d components, orientation %d", h.width, h.height, h.components, h.orientation);
  for (int scale = 1; scale <= 8; scale++) {
    int w = xclr_jpeg_scaled(101, scale), hh = xclr_jpeg_scaled(55, scale);
    size_t size = (size_t)w * hh * 3;
    uint8_t *rgb = malloc(size);
    CHECK(xclr_jpeg_decode(f.data, f.size, scale, NULL, rgb, size, NULL, 0) == XCLR_OK, "scale %d", scale);
    CHECK(rgb[0] < 40 && rgb[size - 3] > 215 && rgb[size - 2] > 215, "scale %d: corners %d %d", scale, rgb[0], rgb[size - 3]);
    CHECK(xclr_jpeg_decode(f.data, f.size, scale, NULL, rgb, size - 1, NULL, 0) == XCLR_BAD_ARGUMENT, "scale %d", scale);
    free(rgb);
  }
  free(f.data);
  CHECK(xclr_jpeg_scale_for(640, 480, 224, 224) == 4, "half");
  CHECK(xclr_jpeg_scale_for(640, 480, 224, 241) == 8, "half is too small");
  CHECK(xclr_jpeg_scale_for(3000, 2000, 224, 224) == 1, "an eighth is 375 x 250");
  CHECK(xclr_jpeg_scale_for(100, 100, 224, 224) == 8, "smaller than wanted");
  CHECK(xclr_jpeg_scale_for(640, 480, 0, 0) == 8, "full size");
}

/* The pixels of random boxes are those of the whole picture, to the last bit. */
static void check_boxes(recipe r, int32_t scale) {
  file f = encode(r);
  int32_t width = xclr_jpeg_scaled(r.width, scale), height = xclr_jpeg_scaled(r.height, scale);
  size_t size = (size_t)width * (size_t)height * 3;
  uint8_t *whole = malloc(size), *part = malloc(size);
  CHECK(xclr_jpeg_decode(f.data, f.size, scale, NULL, whole, size, NULL, 0) == XCLR_OK, "scale %d", scale);
  for (int i = 0; i < 30; i++) {
    xclr_box box = {.x = (int32_t)(next_random() % (uint32_t)width), .y = (int32_t)(next_random() % (uint32_t)height)};
    box.width = 1 + (int32_t)(next_random() % (uint32_t)(width - box.x));
    box.height = 1 + (int32_t)(next_random() % (uint32_t)(height - box.y));
    size_t stride = (size_t)box.width * 3;
    char message[200] = "";
    int32_t status = xclr_jpeg_decode_box(f.data, f.size, scale, NULL, &box, part, stride * (size_t)box.height, message, sizeof message);
    int same = status == XCLR_OK;
    for (int32_t y = 0; same && y < box.height; y++)
      same = memcmp(part + (size_t)y * stride, whole + ((size_t)(box.y + y) * (size_t)width + (size_t)box.x) * 3, stride) == 0;
    CHECK(same, "space %d progressive %d sampling %d x %d scale %d box %d,%d %dx%d: status %d %s", r.space, r.progressive, r.across, r.down, scale,
          box.x, box.y, box.width, box.height, status, message);
  }
  free(whole);
  free(part);
  free(f.data);
}

static void test_boxes(void) {
  for (int32_t scale = 1; scale <= 8; scale++) {
    for (int across = 1; across <= 2; across++)
      for (int down = 1; down <= 2; down++)
        for (int progressive = 0; progressive < 2; progressive++)
          check_boxes((recipe){.space = JCS_RGB, .width = 197, .height = 161, .noise = 90, .across = across, .down = down, .progressive = progressive}, scale);
    check_boxes((recipe){.space = JCS_RGB, .width = 150, .height = 90, .noise = 90, .arithmetic = 1}, scale);
    check_boxes((recipe){.space = JCS_GRAYSCALE, .width = 133, .height = 70, .noise = 90}, scale);
    check_boxes((recipe){.space = JCS_CMYK, .width = 90, .height = 64, .noise = 90, .adobe = 1}, scale);
  }
  check_boxes((recipe){.space = JCS_RGB, .width = 1, .height = 9, .noise = 90}, 8);
}

/* Damage below, above or beside the box is found as if the whole picture were decoded. */
static void test_damage_outside_the_box(void) {
  file f = encode((recipe){.space = JCS_RGB, .width = 160, .height = 160, .noise = 90});
  uint8_t rgb[16 * 16 * 3];
  char message[200] = "";
  xclr_box boxes[] = {{0, 0, 16, 16}, {144, 144, 16, 16}, {64, 80, 16, 16}};
  for (int i = 0; i < 3; i++) {
    CHECK(xclr_jpeg_decode_box(f.data, f.size, 8, NULL, &boxes[i], rgb, sizeof rgb, NULL, 0) == XCLR_OK, "box %d", i);
    int32_t cut = xclr_jpeg_decode_box(f.data, f.size - 40, 8, NULL, &boxes[i], rgb, sizeof rgb, message, sizeof message);
    CHECK(cut == XCLR_TRUNCATED, "box %d of a cut file: %d %s", i, cut, message);
  }
  for (int i = 0; i < 4; i++) {
    xclr_box outside[] = {{-1, 0, 2, 2}, {0, 0, 0, 4}, {150, 0, 11, 4}, {0, 159, 4, 2}};
    CHECK(xclr_jpeg_decode_box(f.data, f.size, 8, NULL, &outside[i], rgb, sizeof rgb, NULL, 0) == XCLR_BAD_ARGUMENT, "outside %d", i);
  }
  free(f.data);
}

static void test_refusals(void) {
  file f = encode((recipe){.space = JCS_RGB, .width = 64, .height = 48, .progressive = 1});
  uint8_t rgb[64 * 48 * 3];
  char message[200] = "";
  xclr_jpeg_header h;
  CHECK(xclr_jpeg_read_header(f.data, 0, &h, message, sizeof message) == XCLR_EMPTY && message[0], "empty");
  CHECK(xclr_jpeg_read_header((const uint8_t *)"GIF89a", 6, &h, message, sizeof message) == XCLR_NOT_AN_IMAGE, "%s", message);
  CHECK(xclr_jpeg_read_header(NULL, 5, &h, NULL, 0) == XCLR_BAD_ARGUMENT, "null");
  CHECK(xclr_jpeg_decode(f.data, f.size, 9, NULL, rgb, sizeof rgb, NULL, 0) == XCLR_BAD_ARGUMENT, "scale 9");
  xclr_jpeg_limits pixels = {.max_pixels = 64 * 48 - 1};
  CHECK(xclr_jpeg_decode(f.data, f.size, 8, &pixels, rgb, sizeof rgb, message, sizeof message) == XCLR_TOO_LARGE, "pixels");
  CHECK(strstr(message, "64 x 48") != NULL, "%s", message);
  xclr_jpeg_limits scans = {.max_scans = 3};
  CHECK(xclr_jpeg_decode(f.data, f.size, 8, &scans, rgb, sizeof rgb, message, sizeof message) == XCLR_TOO_LARGE, "scans");
  xclr_jpeg_limits enough = {.max_pixels = 64 * 48, .max_scans = 20, .max_memory = 1 << 24};
  CHECK(xclr_jpeg_decode(f.data, f.size, 8, &enough, rgb, sizeof rgb, message, sizeof message) == XCLR_OK, "%s", message);
  free(f.data);
}

/* A multi-scan picture is held whole as coefficients: 2 bytes x 640 x 480 x 1.5 here. */
static void test_memory_limit(void) {
  file f = encode((recipe){.space = JCS_RGB, .width = 640, .height = 480, .progressive = 1});
  static uint8_t rgb[640 * 480 * 3];
  char message[200] = "";
  xclr_jpeg_limits limits = {.max_memory = 500000};
  int32_t status = xclr_jpeg_decode(f.data, f.size, 8, &limits, rgb, sizeof rgb, message, sizeof message);
  CHECK(status == XCLR_TOO_LARGE, "%d %s", status, message);
  limits.max_memory = 2000000;
  CHECK(xclr_jpeg_decode(f.data, f.size, 8, &limits, rgb, sizeof rgb, message, sizeof message) == XCLR_OK, "%s", message);
  free(f.data);
}

/* Every prefix of a file is truncated (or not even an image); only the end marker may be missing from a one-scan file. */
static void test_truncation(void) {
  recipe kinds[] = {{.space = JCS_RGB, .width = 40, .height = 40},
                    {.space = JCS_RGB, .width = 40, .height = 40, .progressive = 1},
                    {.space = JCS_RGB, .width = 40, .height = 40, .arithmetic = 1}};
  uint8_t rgb[40 * 40 * 3];
  for (int k = 0; k < 3; k++) {
    file f = encode(kinds[k]);
    for (size_t n = 1; n < f.size - 2; n++) {
      int32_t status = xclr_jpeg_decode(f.data, n, 8, NULL, rgb, sizeof rgb, NULL, 0);
      /* The entropy decoder pads its last byte, so that the very last one may hold no bit that is needed. */
      int fine = status == XCLR_TRUNCATED || (n == 1 && status == XCLR_NOT_AN_IMAGE) || (k == 0 && n + 3 == f.size);
      CHECK(fine, "kind %d, %zu of %zu bytes: %d", k, n, f.size, status);
    }
    int32_t whole = xclr_jpeg_decode(f.data, f.size - 2, 8, NULL, rgb, sizeof rgb, NULL, 0);
    CHECK(whole == (k == 0 ? XCLR_OK : XCLR_TRUNCATED), "kind %d without its end marker: %d", k, whole);
    free(f.data);
  }
}

/* Random damage: any status is right, as long as nothing crashes or hangs (and no sanitizer speaks). */
static void test_damage(void) {
  uint32_t state = 12345;
  static uint8_t rgb[1 << 20];
  xclr_jpeg_limits limits = {.max_pixels = 200000, .max_memory = 1 << 24, .max_scans = 50};
  int seen[9] = {0};
  for (int k = 0; k < 3; k++) {
    file f = encode((recipe){.space = k == 2 ? JCS_CMYK : JCS_RGB, .width = 64, .height = 64, .progressive = k == 1, .orientation = 3});
    uint8_t *copy = malloc(f.size);
    for (int i = 0; i < 3000; i++) {
      memcpy(copy, f.data, f.size);
      for (int j = 0; j < 1 + i % 8; j++) {
        state = state * 1664525u + 1013904223u;
        copy[(state >> 8) % f.size] = (uint8_t)(state >> 24);
      }
      xclr_jpeg_header h;
      xclr_jpeg_read_header(copy, f.size, &h, NULL, 0);
      int32_t status = xclr_jpeg_decode(copy, f.size, 1 + i % 8, &limits, rgb, sizeof rgb, NULL, 0);
      CHECK(status >= XCLR_OK && status <= XCLR_BAD_ARGUMENT, "%d", status);
      seen[status]++;
      xclr_box box = {i % 5, i % 7, 1 + i % 3, 1};
      status = xclr_jpeg_decode_box(copy, f.size, 8, &limits, &box, rgb, sizeof rgb, NULL, 0);
      CHECK(status >= XCLR_OK && status <= XCLR_BAD_ARGUMENT, "%d", status);
    }
    free(copy);
    free(f.data);
  }
  CHECK(seen[XCLR_OK] > 0 && seen[XCLR_CORRUPT] > 0, "ok %d, corrupt %d", seen[XCLR_OK], seen[XCLR_CORRUPT]);
}

/* Whole and truncated decodes in turn; returns non-null where every whole decode gave the same pixels. */
static void *decode_many(void *argument) {
  file *f = argument;
  size_t size = 97 * 61 * 3;
  uint8_t *rgb = malloc(size), *first = malloc(size), *scratch = malloc(size);
  int32_t ok = xclr_jpeg_decode(f->data, f->size, 8, NULL, first, size, NULL, 0);
  size_t same = ok == XCLR_OK;
  for (int i = 0; i < 200; i++) {
    same &= xclr_jpeg_decode(f->data, f->size / 2, 8, NULL, scratch, size, NULL, 0) == XCLR_TRUNCATED;
    same &= xclr_jpeg_decode(f->data, f->size, 8, NULL, rgb, size, NULL, 0) == XCLR_OK;
    same &= memcmp(rgb, first, size) == 0;
  }
  free(rgb);
  free(first);
  free(scratch);
  return (void *)same;
}

static void test_threads(void) {
  file f = encode((recipe){.space = JCS_RGB, .width = 97, .height = 61});
  pthread_t threads[4];
  for (int i = 0; i < 4; i++) pthread_create(&threads[i], NULL, decode_many, &f);
  for (int i = 0; i < 4; i++) {
    void *same = NULL;
    pthread_join(threads[i], &same);
    CHECK(same, "thread %d", i);
  }
  free(f.data);
}

/* A photograph for other tests. */
static int write_photo(const char *path) {
  file f = encode((recipe){.space = JCS_RGB, .width = 97, .height = 61});
  FILE *out = fopen(path, "wb");
  int bad = out == NULL || fwrite(f.data, 1, f.size, out) != f.size;
  if (out != NULL) bad |= fclose(out) != 0;
  if (bad) perror(path);
  free(f.data);
  return bad;
}

int main(int argc, char **argv) {
  if (argc == 2) return write_photo(argv[1]);
  test_values();
  test_header_and_scales();
  test_boxes();
  test_damage_outside_the_box();
  test_refusals();
  test_memory_limit();
  test_truncation();
  test_damage();
  test_threads();
  printf(failures ? "%d checks failed\n" : "all checks passed\n", failures);
  return failures != 0;
}

/* Decoding by libjpeg(-turbo): error handling by longjmp, a memory source that knows where the file ends. */
#include "xclr_image.h"

#include <setjmp.h>
#include <stdio.h>
#include <string.h>

/* In this order: jerror.h asks what jpeglib.h was configured with. */
#include <jpeglib.h>
#include <jerror.h>

#include "xclr_exif.h"

#define ROWS_AT_ONCE 16

/* Pixels that one block of samples becomes at the chosen scale; libjpeg's version 7 ABI named it anew. */
#if JPEG_LIB_VERSION >= 70
#define BLOCK_PIXELS(jpeg) ((jpeg).min_DCT_h_scaled_size)
#else
#define BLOCK_PIXELS(jpeg) ((jpeg).min_DCT_scaled_size)
#endif

typedef struct {
  struct jpeg_decompress_struct jpeg;
  struct jpeg_error_mgr errors;
  struct jpeg_source_mgr source;
  struct jpeg_progress_mgr progress;
  jmp_buf escape;
  int hit_end; /* the decoder asked for bytes after the file's last */
  int max_scans;
  int32_t status;
  char *message;
  size_t message_size;
} decoder;

static const JOCTET end_of_image[2] = {0xFF, JPEG_EOI};

static int32_t say(char *message, size_t message_size, int32_t status, const char *text) {
  if (message && message_size) snprintf(message, message_size, "%s", text);
  return status;
}

static void fail(decoder *d, int32_t status, const char *text) {
  d->status = say(d->message, d->message_size, status, text);
  longjmp(d->escape, 1);
}

static int32_t status_of(int code) {
  switch (code) {
    case JERR_NO_SOI: return XCLR_NOT_AN_IMAGE;
    case JERR_INPUT_EMPTY:
    case JERR_INPUT_EOF: return XCLR_TRUNCATED;
    case JERR_OUT_OF_MEMORY: return XCLR_OUT_OF_MEMORY;
    case JERR_NO_BACKING_STORE:
    case JERR_IMAGE_TOO_BIG:
    case JERR_WIDTH_OVERFLOW: return XCLR_TOO_LARGE;
    case JERR_ARITH_NOTIMPL:
    case JERR_BAD_J_COLORSPACE:
    case JERR_BAD_PRECISION:
    case JERR_CCIR601_NOTIMPL:
    case JERR_COMPONENT_COUNT:
    case JERR_CONVERSION_NOTIMPL:
    case JERR_FRACT_SAMPLE_NOTIMPL:
    case JERR_NOT_COMPILED:
    case JERR_SOF_UNSUPPORTED: return XCLR_UNSUPPORTED;
    default: return XCLR_CORRUPT;
  }
}

static void on_error(j_common_ptr common) {
  decoder *d = common->client_data;
  char text[JMSG_LENGTH_MAX];
  common->err->format_message(common, text);
  int32_t status = status_of(common->err->msg_code);
  if (common->err->msg_code == JERR_NO_BACKING_STORE)
    snprintf(text, sizeof text, "needs more memory than the limit of %ld bytes", common->mem->max_memory_to_use);
  fail(d, status == XCLR_CORRUPT && d->hit_end ? XCLR_TRUNCATED : status, text);
}

/* Most warnings are harmless (odd version numbers, stray bytes between segments). These mean that pixels are lost. */
static void on_message(j_common_ptr common, int level) {
  if (level >= 0) return;
  decoder *d = common->client_data;
  switch (common->err->msg_code) {
    case JWRN_HIT_MARKER:
    case JWRN_HUFF_BAD_CODE:
    case JWRN_ARITH_BAD_CODE:
    case JWRN_MUST_RESYNC: {
      char text[JMSG_LENGTH_MAX];
      common->err->format_message(common, text);
      fail(d, d->hit_end ? XCLR_TRUNCATED : XCLR_CORRUPT, d->hit_end ? "the file ends within its picture data" : text);
    }
  }
}

static void on_progress(j_common_ptr common) {
  decoder *d = common->client_data;
  if (d->max_scans > 0 && d->jpeg.input_scan_number > d->max_scans) {
    char text[80];
    snprintf(text, sizeof text, "more than %d scans", d->max_scans);
    fail(d, XCLR_TOO_LARGE, text);
  }
}

static void source_nothing(j_decompress_ptr jpeg) { (void)jpeg; }

/* A picture whose last bytes are all there but whose end marker is missing is whole: so an end marker is invented first,
 * and the entropy decoder says whether it wanted more than that. */
static boolean source_fill(j_decompress_ptr jpeg) {
  decoder *d = jpeg->client_data;
  d->hit_end = 1;
  d->source.next_input_byte = end_of_image;
  d->source.bytes_in_buffer = sizeof end_of_image;
  return TRUE;
}

static void source_skip(j_decompress_ptr jpeg, long count) {
  struct jpeg_source_mgr *source = jpeg->src;
  if (count <= 0) return;
  if ((size_t)count > source->bytes_in_buffer) {
    source_fill(jpeg);
    return;
  }
  source->next_input_byte += count;
  source->bytes_in_buffer -= (size_t)count;
}

static void begin(decoder *d, const uint8_t *data, size_t size) {
  d->jpeg.err = jpeg_std_error(&d->errors);
  d->errors.error_exit = on_error;
  d->errors.emit_message = on_message;
  d->jpeg.client_data = d;
  jpeg_create_decompress(&d->jpeg);
  d->source.next_input_byte = data;
  d->source.bytes_in_buffer = size;
  d->source.init_source = source_nothing;
  d->source.fill_input_buffer = source_fill;
  d->source.skip_input_data = source_skip;
  d->source.resync_to_restart = jpeg_resync_to_restart;
  d->source.term_source = source_nothing;
  d->jpeg.src = &d->source;
  d->progress.progress_monitor = on_progress;
  d->jpeg.progress = &d->progress;
}

static void read_header(decoder *d) {
  jpeg_read_header(&d->jpeg, TRUE);
  if (d->jpeg.data_precision != 8) fail(d, XCLR_UNSUPPORTED, "not 8 bits per component");
  int n = d->jpeg.num_components;
  if (n != 1 && n != 3 && n != 4) {
    char text[80];
    snprintf(text, sizeof text, "%d components; 1, 3 and 4 are decoded", n);
    fail(d, XCLR_UNSUPPORTED, text);
  }
}

static int32_t refuse(const uint8_t *data, size_t size, char *message, size_t message_size) {
  if (message && message_size) message[0] = 0;
  if (size == 0) return say(message, message_size, XCLR_EMPTY, "the file is empty");
  if (!data) return say(message, message_size, XCLR_BAD_ARGUMENT, "no data");
  return XCLR_OK;
}

static int32_t orientation_of(const decoder *d) {
  for (jpeg_saved_marker_ptr m = d->jpeg.marker_list; m; m = m->next) {
    int32_t orientation = xclr_exif_orientation(m->data, m->data_length);
    if (orientation) return orientation;
  }
  return 1;
}

int32_t xclr_jpeg_read_header(const uint8_t *data, size_t size, xclr_jpeg_header *header, char *message,
                              size_t message_size) {
  int32_t refused = refuse(data, size, message, message_size);
  if (refused) return refused;
  if (!header) return say(message, message_size, XCLR_BAD_ARGUMENT, "no header to fill");
  decoder d = {.message = message, .message_size = message_size};
  if (setjmp(d.escape) == 0) {
    begin(&d, data, size);
    jpeg_save_markers(&d.jpeg, JPEG_APP0 + 1, 0xFFFF);
    read_header(&d);
    header->width = (int32_t)d.jpeg.image_width;
    header->height = (int32_t)d.jpeg.image_height;
    header->components = d.jpeg.num_components;
    header->orientation = orientation_of(&d);
    header->precision = d.jpeg.data_precision;
    header->multi_scan = jpeg_has_multiple_scans(&d.jpeg) ? 1 : 0;
  }
  jpeg_destroy_decompress(&d.jpeg);
  return d.status;
}

int32_t xclr_jpeg_scaled(int32_t length, int32_t scale) { return (int32_t)(((int64_t)length * scale + 7) / 8); }

int32_t xclr_jpeg_scale_for(int32_t width, int32_t height, int32_t min_width, int32_t min_height) {
  if (min_width <= 0 || min_height <= 0) return 8;
  for (int32_t scale = 1; scale < 8; scale *= 2)
    if (xclr_jpeg_scaled(width, scale) >= min_width && xclr_jpeg_scaled(height, scale) >= min_height) return scale;
  return 8;
}

static void apply_limits(decoder *d, const xclr_jpeg_limits *limits) {
  if (!limits) return;
  int64_t pixels = (int64_t)d->jpeg.image_width * d->jpeg.image_height;
  if (limits->max_pixels > 0 && pixels > limits->max_pixels) {
    char text[120];
    snprintf(text, sizeof text, "%u x %u pixels, above the limit of %lld", d->jpeg.image_width, d->jpeg.image_height,
             (long long)limits->max_pixels);
    fail(d, XCLR_TOO_LARGE, text);
  }
  if (limits->max_memory > 0) d->jpeg.mem->max_memory_to_use = (long)limits->max_memory;
  d->max_scans = limits->max_scans;
}

/* x * y / 255, rounded, for bytes. */
static uint8_t scale_byte(unsigned x, unsigned y) {
  unsigned product = x * y + 128;
  return (uint8_t)((product + (product >> 8)) >> 8);
}

/* Adobe's files store 255 for no ink; others 0. */
static void cmyk_to_rgb(const JSAMPLE *cmyk, uint8_t *rgb, size_t pixels, int inverted) {
  unsigned flip = inverted ? 0 : 255;
  for (size_t i = 0; i < pixels; i++, cmyk += 4, rgb += 3)
    for (int c = 0; c < 3; c++) rgb[c] = scale_byte(cmyk[c] ^ flip, cmyk[3] ^ flip);
}

/* The columns from `left` on that the decoder gives, `columns` of them, at least those of the box: crops start at whole units, and the chroma of the
 * first and last column is interpolated with their neighbours. */
typedef struct {
  xclr_box box;
  JDIMENSION left, columns;
} window;

static window narrow(decoder *d, xclr_box box) {
  window w = {.box = box, .left = 0, .columns = d->jpeg.output_width};
  JDIMENSION unit = (JDIMENSION)(d->jpeg.max_h_samp_factor * BLOCK_PIXELS(d->jpeg));
  JDIMENSION left = (JDIMENSION)box.x > unit ? (JDIMENSION)box.x - unit : 0;
  JDIMENSION right = (JDIMENSION)(box.x + box.width) + unit;
  if (left < unit && right >= w.columns) return w;
  w.left = left;
  w.columns = (right < w.columns ? right : w.columns) - left;
  jpeg_crop_scanline(&d->jpeg, &w.left, &w.columns);
  return w;
}

static void skip_rows(decoder *d, JDIMENSION count) {
  if (count > 0) jpeg_skip_scanlines(&d->jpeg, count);
}

/* One row at a time through a buffer, since the decoder's columns are not the box's, or its components not three. */
static void read_box_rows(decoder *d, const window *w, uint8_t *rgb) {
  int components = d->jpeg.out_color_components;
  JSAMPARRAY row = d->jpeg.mem->alloc_sarray((j_common_ptr)&d->jpeg, JPOOL_IMAGE, w->columns * (JDIMENSION)components, 1);
  const JSAMPLE *first = row[0] + ((size_t)w->box.x - w->left) * (size_t)components;
  size_t width = (size_t)w->box.width;
  skip_rows(d, (JDIMENSION)w->box.y);
  for (int32_t y = 0; y < w->box.height; y++, rgb += width * 3) {
    jpeg_read_scanlines(&d->jpeg, row, 1);
    if (components == 4)
      cmyk_to_rgb(first, rgb, width, d->jpeg.saw_Adobe_marker);
    else
      memcpy(rgb, first, width * 3);
  }
  /* All but the last row, and then that: a skip to the end would not read the data. */
  JDIMENSION left = d->jpeg.output_height - d->jpeg.output_scanline;
  if (left == 0) return;
  skip_rows(d, left - 1);
  jpeg_read_scanlines(&d->jpeg, row, 1);
}

static void read_rgb_rows(decoder *d, uint8_t *rgb) {
  size_t stride = (size_t)d->jpeg.output_width * 3;
  while (d->jpeg.output_scanline < d->jpeg.output_height) {
    JSAMPROW rows[ROWS_AT_ONCE];
    JDIMENSION left = d->jpeg.output_height - d->jpeg.output_scanline;
    JDIMENSION count = left < ROWS_AT_ONCE ? left : ROWS_AT_ONCE;
    for (JDIMENSION i = 0; i < count; i++) rows[i] = rgb + (d->jpeg.output_scanline + i) * stride;
    jpeg_read_scanlines(&d->jpeg, rows, count);
  }
}

/* The box to decode: the whole picture where none is asked for. */
static xclr_box check_box(decoder *d, const xclr_box *asked, size_t rgb_size) {
  int32_t width = (int32_t)d->jpeg.output_width, height = (int32_t)d->jpeg.output_height;
  xclr_box box = asked ? *asked : (xclr_box){0, 0, width, height};
  if (box.x < 0 || box.y < 0 || box.width < 1 || box.height < 1 || box.width > width - box.x || box.height > height - box.y)
    fail(d, XCLR_BAD_ARGUMENT, "the box lies outside the picture");
  if ((size_t)box.width * (size_t)box.height * 3 > rgb_size) fail(d, XCLR_BAD_ARGUMENT, "the output buffer is too small");
  return box;
}

static void decode(decoder *d, int32_t scale, const xclr_jpeg_limits *limits, const xclr_box *asked, uint8_t *rgb, size_t rgb_size) {
  read_header(d);
  apply_limits(d, limits);
  int four = d->jpeg.num_components == 4;
  d->jpeg.out_color_space = four ? JCS_CMYK : JCS_RGB;
  d->jpeg.scale_num = (unsigned)scale;
  d->jpeg.scale_denom = 8;
  jpeg_calc_output_dimensions(&d->jpeg);
  /* libjpeg-turbo 3 reads lossless JPEGs, and ignores the scale for them. */
  if ((int32_t)d->jpeg.output_width != xclr_jpeg_scaled((int32_t)d->jpeg.image_width, scale)) fail(d, XCLR_UNSUPPORTED, "it cannot be scaled");
  xclr_box box = check_box(d, asked, rgb_size);
  jpeg_start_decompress(&d->jpeg);
  if (!four && (JDIMENSION)box.width == d->jpeg.output_width && (JDIMENSION)box.height == d->jpeg.output_height) {
    read_rgb_rows(d, rgb);
  } else {
    window w = narrow(d, box);
    read_box_rows(d, &w, rgb);
  }
  /* Without a warning to go by: an arithmetic decoder reads zeros after the end, and whole scans may be missing. */
  if (d->hit_end && (d->jpeg.arith_code || jpeg_has_multiple_scans(&d->jpeg)))
    fail(d, XCLR_TRUNCATED, "the file ends before its end marker");
}

int32_t xclr_jpeg_decode_box(const uint8_t *data, size_t size, int32_t scale, const xclr_jpeg_limits *limits,
                             const xclr_box *box, uint8_t *rgb, size_t rgb_size, char *message, size_t message_size) {
  int32_t refused = refuse(data, size, message, message_size);
  if (refused) return refused;
  if (!rgb || scale < 1 || scale > 8)
    return say(message, message_size, XCLR_BAD_ARGUMENT, "no output buffer, or a scale outside 1 to 8");
  decoder d = {.message = message, .message_size = message_size};
  if (setjmp(d.escape) == 0) {
    begin(&d, data, size);
    decode(&d, scale, limits, box, rgb, rgb_size);
  }
  jpeg_destroy_decompress(&d.jpeg);
  return d.status;
}

int32_t xclr_jpeg_decode(const uint8_t *data, size_t size, int32_t scale, const xclr_jpeg_limits *limits, uint8_t *rgb,
                         size_t rgb_size, char *message, size_t message_size) {
  return xclr_jpeg_decode_box(data, size, scale, limits, NULL, rgb, rgb_size, message, message_size);
}

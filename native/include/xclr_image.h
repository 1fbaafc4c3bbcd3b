/* JPEG decoding behind a flat C ABI.
 *
 * Every function is thread safe and keeps no state: files come in as memory, pixels go out into memory of the caller.
 * Errors come back as an xclr_status and a message in English; nothing is printed and nothing aborts the process. */
#ifndef XCLR_IMAGE_H
#define XCLR_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#if defined(_WIN32)
#define XCLR_API __declspec(dllexport)
#else
#define XCLR_API __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
  XCLR_OK = 0,
  XCLR_EMPTY = 1,         /* no bytes at all */
  XCLR_TRUNCATED = 2,     /* the file ends before its picture does */
  XCLR_CORRUPT = 3,       /* the data contradict the format, or pixels were lost */
  XCLR_UNSUPPORTED = 4,   /* a valid kind of JPEG that is not decoded: 12 bits, lossless, 2 or 5 and more components */
  XCLR_TOO_LARGE = 5,     /* above the caller's limits: pixels, memory or scans */
  XCLR_NOT_AN_IMAGE = 6,  /* does not start as a JPEG does */
  XCLR_OUT_OF_MEMORY = 7, /* the allocator failed */
  XCLR_BAD_ARGUMENT = 8   /* the caller's mistake: null pointer, scale outside 1 to 8, buffer too small */
} xclr_status;

typedef struct {
  int32_t width;       /* as stored, in pixels: before `orientation` is applied */
  int32_t height;      /* as stored, in pixels */
  int32_t components;  /* 1 grey, 3 colour, 4 CMYK or YCCK */
  int32_t orientation; /* EXIF: 1 upright to 8; 1 where the file has none */
  int32_t precision;   /* bits per component */
  int32_t multi_scan;  /* 1: progressive, or components in scans of their own */
} xclr_jpeg_header;

typedef struct {
  int64_t max_pixels;   /* stored width x height; 0: no limit */
  int64_t max_memory;   /* bytes the decoder may hold beside the output; 0: no limit */
  int32_t max_scans;    /* scans of a multi-scan file; 0: no limit */
} xclr_jpeg_limits;

/* Reads the header alone. `message` (may be null) takes up to `message_size` bytes, always terminated. */
XCLR_API int32_t xclr_jpeg_read_header(const uint8_t *data, size_t size, xclr_jpeg_header *header, char *message,
                                       size_t message_size);

/* One side of a picture of `length` pixels decoded at scale / 8: ceil(length * scale / 8). */
XCLR_API int32_t xclr_jpeg_scaled(int32_t length, int32_t scale);

/* The smallest scale among 1, 2, 4 and 8 eighths (those with a vectorised inverse DCT) at which the stored sides stay at
 * least min_width x min_height; 8 where the picture is smaller than that, or where a minimum is 0 or less. */
XCLR_API int32_t xclr_jpeg_scale_for(int32_t width, int32_t height, int32_t min_width, int32_t min_height);

/* Decodes at scale / 8 (1 to 8) into `rgb`: 8 bits per component, red first, rows of xclr_jpeg_scaled(width) * 3 bytes
 * without padding, not rotated. Grey is repeated; CMYK and YCCK are converted without a colour profile (Adobe's inverted
 * form where the Adobe marker is there). `limits` may be null. The contents of `rgb` are undefined after an error. */
XCLR_API int32_t xclr_jpeg_decode(const uint8_t *data, size_t size, int32_t scale, const xclr_jpeg_limits *limits,
                                  uint8_t *rgb, size_t rgb_size, char *message, size_t message_size);

/* A box of the picture as decoded at a scale, in its pixels: left and top edge, then sides of at least 1. */
typedef struct {
  int32_t x, y, width, height;
} xclr_box;

/* As xclr_jpeg_decode, but only the box's pixels, which are those of the whole picture: rows of box->width * 3 bytes. The rest is read through, so
 * that damage anywhere is an error as before, but neither transformed nor converted. A null box is the whole picture. */
XCLR_API int32_t xclr_jpeg_decode_box(const uint8_t *data, size_t size, int32_t scale, const xclr_jpeg_limits *limits,
                                      const xclr_box *box, uint8_t *rgb, size_t rgb_size, char *message,
                                      size_t message_size);

#ifdef __cplusplus
}
#endif
#endif

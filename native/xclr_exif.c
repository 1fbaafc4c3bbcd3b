#include "xclr_exif.h"

#include <string.h>

typedef struct {
  const uint8_t *data;
  size_t size;
  int big_endian;
} tiff;

static uint32_t read16(const tiff *t, size_t at) {
  const uint8_t *p = t->data + at;
  return t->big_endian ? (uint32_t)p[0] << 8 | p[1] : (uint32_t)p[1] << 8 | p[0];
}

static uint32_t read32(const tiff *t, size_t at) {
  return t->big_endian ? read16(t, at) << 16 | read16(t, at + 2) : read16(t, at + 2) << 16 | read16(t, at);
}

int32_t xclr_exif_orientation(const uint8_t *segment, size_t size) {
  enum { EXIF_PREFIX = 6, TIFF_HEADER = 8, ENTRY = 12, TAG_ORIENTATION = 0x0112, TYPE_SHORT = 3 };
  if (size < EXIF_PREFIX + TIFF_HEADER || memcmp(segment, "Exif\0\0", EXIF_PREFIX) != 0) return 0;
  tiff t = {segment + EXIF_PREFIX, size - EXIF_PREFIX, 0};
  if (memcmp(t.data, "MM\0*", 4) == 0)
    t.big_endian = 1;
  else if (memcmp(t.data, "II*\0", 4) != 0)
    return 0;
  size_t directory = read32(&t, 4);
  if (directory > t.size - 2) return 0;
  uint32_t count = read16(&t, directory);
  for (uint32_t i = 0; i < count; i++) {
    size_t entry = directory + 2 + (size_t)i * ENTRY;
    if (entry + ENTRY > t.size) return 0;
    if (read16(&t, entry) != TAG_ORIENTATION) continue;
    uint32_t value = read16(&t, entry + 8);
    return read16(&t, entry + 2) == TYPE_SHORT && value >= 1 && value <= 8 ? (int32_t)value : 0;
  }
  return 0;
}

/* The one thing that decoding needs from EXIF. */
#ifndef XCLR_EXIF_H
#define XCLR_EXIF_H

#include <stddef.h>
#include <stdint.h>

/* The orientation (1 to 8) in a JPEG's APP1 segment (without marker and length); 0 where there is none or it is invalid. */
int32_t xclr_exif_orientation(const uint8_t *segment, size_t size);

#endif

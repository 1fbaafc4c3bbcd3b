#include <stdio.h>
#include <jpeglib.h>
int xclr_dummy(void){return JPEG_LIB_VERSION;}

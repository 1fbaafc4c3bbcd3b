#!/usr/bin/env python3
"""host.py LIBXCLR CHECKPOINT IMAGE...: embeds image files and captions from Python, with ctypes alone."""
import ctypes
import sys


def main(library, checkpoint, *images):
    xclr = ctypes.CDLL(library)
    xclr.xclr_last_error.restype = ctypes.c_char_p

    def call(name, *arguments):
        if getattr(xclr, name)(*arguments) != 0:
            raise SystemExit(xclr.xclr_last_error().decode())

    context, encoder, text = ctypes.c_uint64(), ctypes.c_uint64(), ctypes.c_uint64()
    call("xclr_create", None, ctypes.byref(context))
    call("xclr_encoder_load", context, checkpoint.encode(), 8, ctypes.byref(encoder))
    info = (ctypes.c_uint32 * 6)(24)  # xclr_encoder_info: size, batch, feature_width, projection_width, image_size, reserved
    call("xclr_encoder_describe", encoder, info)
    features = (ctypes.c_float * (len(images) * info[2]))()
    paths = (ctypes.c_char_p * len(images))(*(path.encode() for path in images))
    call("xclr_embed_files", encoder, paths, len(images), features, None)
    for i, path in enumerate(images):
        print(f"{path}: {info[2]} numbers, {features[i * info[2]]:.6f} ...")

    call("xclr_text_open", b"static-minilm-128", ctypes.byref(text))
    width = ctypes.c_uint32()
    call("xclr_text_width", text, ctypes.byref(width))
    captions = [b"a photo of a sneaker", b"a photo of a boot", b"a plate of soup"]
    rows = (ctypes.c_float * (len(captions) * width.value))()
    call("xclr_text_embed", text, (ctypes.c_char_p * len(captions))(*captions), len(captions), rows)
    cosine = [sum(rows[k] * rows[i * width.value + k] for k in range(width.value)) for i in range(len(captions))]
    print(f"cosines with '{captions[0].decode()}': {', '.join(f'{c:.3f}' for c in cosine)}")
    call("xclr_text_free", text)
    call("xclr_destroy", context)


if __name__ == "__main__":
    main(*sys.argv[1:])

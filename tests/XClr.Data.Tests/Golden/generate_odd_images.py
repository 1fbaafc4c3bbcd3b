#!/usr/bin/python3
"""Writes odd-images.tsv: what PIL (Debian 12's, 9.4) makes of every odd image, for OddImageTests.

Usage: generate_odd_images.py ASSETS/odd-images > odd-images.tsv
Columns: path, then width, height and the means of R, G and B of the upright RGB image; or `refused`.
"""
import os
import sys
import warnings

from PIL import Image, ImageOps, ImageStat

warnings.simplefilter("ignore")
root = sys.argv[1]
suffixes = (".jpg", ".jpeg", ".png", ".webp", ".bmp")
paths = sorted(
    os.path.relpath(os.path.join(folder, name), root)
    for folder, _, names in os.walk(root)
    for name in names
    if name.lower().endswith(suffixes)
)
for path in paths:
    try:
        with Image.open(os.path.join(root, path)) as image:
            if image.mode == "I":  # 16-bit grey: convert("RGB") would clip instead of scaling
                image = image.point(lambda v: v / 256).convert("L")
            rgb = ImageOps.exif_transpose(image).convert("RGB")
            means = "\t".join(f"{mean:.2f}" for mean in ImageStat.Stat(rgb).mean)
            print(path, rgb.width, rgb.height, means, sep="\t")
    except Exception:
        print(path, "refused", sep="\t")

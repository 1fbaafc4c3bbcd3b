"""Augmentation goldens: torchvision's functional operations on float tensors, one by one and chained."""
import json
import math

import numpy as np
import torch
from torchvision.transforms import functional as F
from torchvision.transforms.functional import InterpolationMode

import safetensors_io

MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
SIZE = 19


def source(height, width, seed):
    """An image [H,W,3] of bytes: waves, an edge, noise, and both extremes."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    waves = [np.sin(x / (3.0 + c) + c) * np.cos(y / (4.0 - c)) for c in range(3)]
    image = np.stack(waves, axis=2) * 90 + 128 + rng.normal(0, 15, (height, width, 3))
    image[height // 3:, : width // 3] -= 110
    image[: height // 4, width // 2:] += 110
    image[5, 7] = [255, 0, 0]
    return np.clip(np.round(image), 0, 255).astype(np.uint8)


SOURCES = {"a": source(41, 53, 1), "b": source(23, 19, 2), "c": np.repeat(source(31, 31, 3)[:, :, :1], 3, axis=2)}


def crop(top, left, height, width, size=SIZE, interpolation="bilinear"):
    return {"op": "crop", "top": top, "left": left, "height": height, "width": width, "size": size, "interpolation": interpolation}


def op(name, **parameters):
    return {"op": name, **parameters}


def blur(size, sigma):
    return op("blur", side=2 * (size // 10 // 2) + 1, sigma=sigma)


def apply(image, step):
    kind = step["op"]
    if kind == "crop":
        box = F.crop(image, step["top"], step["left"], step["height"], step["width"])
        return F.resize(box, [step["size"], step["size"]], InterpolationMode(step["interpolation"]), antialias=True)
    if kind == "eval":
        return evaluation(image, step)
    if kind == "solarize":
        distance = float((image - step["threshold"]).abs().min())
        assert distance > 1e-5, f"a value lies {distance} from the threshold: rounding would decide the golden"
        return F.solarize(image, step["threshold"])
    return {
        "flip": lambda: F.hflip(image),
        "brightness": lambda: F.adjust_brightness(image, step["factor"]),
        "contrast": lambda: F.adjust_contrast(image, step["factor"]),
        "saturation": lambda: F.adjust_saturation(image, step["factor"]),
        "hue": lambda: F.adjust_hue(image, step["factor"]),
        "grey": lambda: F.rgb_to_grayscale(image, num_output_channels=3),
        "blur": lambda: F.gaussian_blur(image, [step["side"]] * 2, [step["sigma"]] * 2),
        "normalize": lambda: F.normalize(image, step["mean"], step["std"]),
    }[kind]()


def evaluation(image, step):
    short = math.floor(step["size"] / 0.875)
    resized = F.resize(image, [short], InterpolationMode(step["interpolation"]), antialias=True)
    return F.center_crop(resized, [step["size"], step["size"]])


NORMALIZE = op("normalize", mean=MEAN, std=STD)
JITTER = {"b": op("brightness", factor=1.4), "c": op("contrast", factor=0.7), "s": op("saturation", factor=1.6), "h": op("hue", factor=0.15)}
EXACT = crop(2, 3, SIZE, SIZE)  # as large as the output: nothing is resampled


def cases():
    """{name: (source, [steps])}"""
    result = {}
    boxes = {"down": (1, 2, 39, 50), "up": (20, 30, 7, 9), "mixed": (3, 10, 33, 8), "line": (12, 0, 1, 53), "pixel": (40, 52, 1, 1),
             "all": (0, 0, 41, 53), "exact": (2, 3, SIZE, SIZE), "slight": (5, 5, 20, 21)}
    for name, box in boxes.items():
        for interpolation in ("bilinear", "bicubic"):
            result[f"crop-{name}-{interpolation}"] = ("a", [crop(*box, interpolation=interpolation)])
    singles = {"flip": op("flip"), "grey": op("grey"), "normalize": NORMALIZE}
    for name, factors in {"brightness": (0, 0.3, 1.8), "contrast": (0, 0.2, 1.8), "saturation": (0, 0.4, 1.8), "hue": (-0.5, -0.2, 0.07, 0.5)}.items():
        singles.update({f"{name}-{factor}": op(name, factor=factor) for factor in factors})
    singles.update({f"solarize-{t}": op("solarize", threshold=t) for t in (0.5, 0.25)})
    for name, step in singles.items():
        result[name] = ("a", [EXACT, step])
    for size, sigma in ((19, 0.1), (22, 0.7), (43, 2.0)):
        result[f"blur-{size}-{sigma}"] = ("a", [crop(1, 2, 37, 45, size), blur(size, sigma)])
    for order in ("bcsh", "hscb", "shbc", "chsb"):
        steps = [crop(4, 6, 30, 41, interpolation="bicubic"), op("flip"), *(JITTER[key] for key in order), NORMALIZE]
        result[f"jitter-{order}"] = ("a", steps)
    result["hue-after-overshoot"] = ("a", [crop(20, 30, 9, 11, interpolation="bicubic"), JITTER["h"]])
    result["grey-source"] = ("c", [crop(0, 0, 31, 31, interpolation="bicubic"), JITTER["h"], JITTER["s"], NORMALIZE])
    result["everything"] = ("a", [crop(2, 1, 37, 44, 22, "bicubic"), op("flip"), *(JITTER[key] for key in "csbh"), op("grey"),
                                  blur(22, 1.3), op("solarize", threshold=0.5), NORMALIZE])
    result["tall-source"] = ("b", [crop(0, 1, 22, 17, interpolation="bicubic"), *(JITTER[key] for key in "hbsc"), blur(SIZE, 0.9), NORMALIZE])
    for name in SOURCES:
        for interpolation in ("bilinear", "bicubic"):
            result[f"eval-{name}-{interpolation}"] = (name, [op("eval", size=16, interpolation=interpolation), NORMALIZE])
    return result


def write(path):
    tensors, metadata = {f"source.{name}": image for name, image in SOURCES.items()}, {}
    for name, (key, steps) in cases().items():
        image = torch.from_numpy(SOURCES[key]).permute(2, 0, 1).float() / 255
        for step in steps:
            image = apply(image, step)
        tensors[f"{name}.output"] = image.contiguous().numpy()
        metadata[name] = json.dumps({"source": key, "steps": steps})
    safetensors_io.write(path, tensors, metadata)

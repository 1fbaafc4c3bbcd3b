#!/usr/bin/env python3
"""How far the running variances of one checkpoint are from another's: what a kernel that computes statistics in another way loses.

    running_variances.py MODEL.safetensors REFERENCE.safetensors

Prints JSON: for each batch normalisation the mean and the largest of (variance - reference) / reference over its channels, and the layer where the mean is furthest from 0.
"""
import json
import struct
import sys


def variances(path):
    """Name to values of every running variance."""
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        result = {}
        for name, entry in header.items():
            if name.endswith(".running_var"):
                begin, end = entry["data_offsets"]
                file.seek(8 + length + begin)
                result[name] = struct.unpack(f"<{(end - begin) // 4}f", file.read(end - begin))
        return result


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    values, reference = variances(sys.argv[1]), variances(sys.argv[2])
    if not reference or values.keys() != reference.keys():
        sys.exit(f"running_variances.py: {sys.argv[1]} and {sys.argv[2]} are not of one network: {len(values)} and {len(reference)} running variances")
    layers = {}
    for name, wanted in reference.items():
        off = [(v - w) / w for v, w in zip(values[name], wanted)]
        layers[name.removesuffix(".running_var")] = {"mean": sum(off) / len(off), "largest": max(off, key=abs)}
    worst = max(layers, key=lambda name: abs(layers[name]["mean"]))
    print(json.dumps({"worst": worst, **layers[worst], "layers": layers}, indent=1))


if __name__ == "__main__":
    main()

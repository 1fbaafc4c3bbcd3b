#!/usr/bin/env python3
"""Loads a checkpoint into torchvision with no conversion, and compares torchvision's features in float64 with those of `xclr parity --mode eval`.

    load_checkpoint.py RUN/checkpoints/step-00000006 --xclr src/XClr.Cli/bin/Release/net10.0/xclr [--n 4]
    load_checkpoint.py EXPORTED.safetensors --xclr ...

Exit code 1 where a name other than fc's is missing, a name is unknown, or the features differ by more than compare.py's limit.
For runs of --stem imagenet and --width 1 (torchvision has no others) and --projector mlp.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile

import numpy as np
import torch
import torchvision

import compare
import safetensors_io


def torchvision_model(arch, tensors):
    """torchvision's network in evaluation mode with the checkpoint's tensors; fc is what may be missing."""
    network = getattr(torchvision.models, arch)(weights=None)
    keys = network.load_state_dict({name: torch.from_numpy(value) for name, value in tensors.items()}, strict=False)
    print(f"{arch}: {len(tensors)} tensors loaded, missing {keys.missing_keys}, unexpected {keys.unexpected_keys}")
    if keys.missing_keys != ["fc.weight", "fc.bias"] or keys.unexpected_keys:
        sys.exit("The checkpoint does not fit: only fc.weight and fc.bias may be missing, and nothing may be unexpected.")
    network.fc = torch.nn.Identity()
    return network.double().eval()


def checkpoint(path):
    """Architecture, image size, the backbone's tensors and those of a head: the run's own, or a random one beside what `xclr export` wrote."""
    if os.path.isdir(path):
        with open(os.path.join(path, "state.json"), encoding="utf-8") as file:
            state = json.load(file)
        backbone, head = (safetensors_io.read(os.path.join(path, f"{name}.safetensors"))[0] for name in ("model", "head"))
        return state["architecture"]["arch"], state["imageSize"], backbone, head
    backbone, metadata = safetensors_io.read(path)
    width, outputs, rng = int(metadata["features"]), 8, np.random.default_rng(3)
    ones, zeros = (lambda n: np.ones(n, np.float32)), (lambda n: np.zeros(n, np.float32))
    head = {
        "projector.0.weight": rng.standard_normal((width, width)).astype(np.float32), "projector.1.weight": ones(width), "projector.1.bias": zeros(width),
        "projector.1.running_mean": zeros(width), "projector.1.running_var": ones(width), "projector.3.weight": rng.standard_normal((outputs, width)).astype(np.float32),
        "projector.4.running_mean": zeros(outputs), "projector.4.running_var": ones(outputs),
    }
    return metadata["arch"], int(metadata["image_size"]), backbone, head


def run_xclr(xclr, arch, tensors, images, folder):
    """Features [2N,F] of the program on the same tensors; loss and text are not looked at."""
    weights, batch, out = (os.path.join(folder, f"{name}.safetensors") for name in "wbo")
    rng = np.random.default_rng(2)
    safetensors_io.write(weights, tensors)
    safetensors_io.write(batch, {"images": images, "text": rng.standard_normal((len(images) // 2, 8)).astype(np.float32)})
    subprocess.run([xclr, "parity", "--mode", "eval", "--arch", arch, "--weights", weights, "--batch", batch, "--out", out], check=True)
    return safetensors_io.read(out)[0]["features"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", help="a step folder of a run, or a file of xclr export")
    parser.add_argument("--xclr", required=True)
    parser.add_argument("--n", type=int, default=4, help="samples; twice as many images are compared")
    options = parser.parse_args()
    arch, side, backbone, head = checkpoint(options.checkpoint)
    network = torchvision_model(arch, backbone)
    images = np.random.default_rng(1).standard_normal((2 * options.n, 3, side, side)).astype(np.float32)
    with torch.no_grad():
        expected = network(torch.from_numpy(images).double()).numpy()
    with tempfile.TemporaryDirectory() as folder:
        actual = run_xclr(options.xclr, arch, {**backbone, **head}, images, folder)
    e, limit = compare.error("features", actual, expected), compare.LIMITS["features"]
    print(f"features {list(expected.shape)} at {side}x{side}: error {e:.2e}, limit {limit:.0e}")
    return 0 if e <= limit else 1


if __name__ == "__main__":
    sys.exit(main())

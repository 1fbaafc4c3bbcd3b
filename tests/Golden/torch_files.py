#!/usr/bin/env python3
"""Writes data/torch: checkpoints of torch.save as training programs write them, and files that must be refused.

    /usr/bin/python3 tests/Golden/torch_files.py

The accepted ones hold the weights of data/network/w-tiny-basic-3x-projector.safetensors; resnet18.pth has a ResNet-18 of width 1/16 with a 3x3 stem.
"""
import argparse
import collections
import os

import numpy as np
import torch

import safetensors_io

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "data")


def resnet18(channels):
    """Random weights of torchvision's ResNet-18 at a fraction of its width, with a 3x3 stem and without fc."""
    rng = np.random.default_rng(18)
    tensors = collections.OrderedDict()

    def conv_bn(conv, norm, inputs, outputs, kernel):
        tensors[f"{conv}.weight"] = rng.standard_normal((outputs, inputs, kernel, kernel)) * (2 / (outputs * kernel * kernel)) ** 0.5
        for name, values in (("weight", 1 + rng.random(outputs)), ("bias", rng.standard_normal(outputs)), ("running_mean", rng.standard_normal(outputs)), ("running_var", 1 + rng.random(outputs))):
            tensors[f"{norm}.{name}"] = values
        tensors[f"{norm}.num_batches_tracked"] = np.int64(7)

    conv_bn("conv1", "bn1", 3, channels, 3)
    inputs = channels
    for stage in range(4):
        for block in range(2):
            outputs, name = channels << stage, f"layer{stage + 1}.{block}"
            conv_bn(f"{name}.conv1", f"{name}.bn1", inputs, outputs, 3)
            conv_bn(f"{name}.conv2", f"{name}.bn2", outputs, outputs, 3)
            if inputs != outputs:
                conv_bn(f"{name}.downsample.0", f"{name}.downsample.1", inputs, outputs, 1)
            inputs = outputs
    return {name: value.astype(np.float32) if value.dtype == np.float64 else value for name, value in tensors.items()}


def state_dict(tensors, prefix="", dtype=None):
    result = collections.OrderedDict((prefix + name, torch.from_numpy(np.array(value))) for name, value in tensors.items())
    if dtype:
        result = collections.OrderedDict((name, value.to(dtype) if value.is_floating_point() else value) for name, value in result.items())
    result._metadata = collections.OrderedDict(version=1)
    return result


class Malicious:
    """Runs a command when it is unpickled."""

    def __reduce__(self):
        return os.system, ("touch /tmp/xclr-was-here",)


def main():
    tiny, _ = safetensors_io.read(os.path.join(FOLDER, "network", "w-tiny-basic-3x-projector.safetensors"))
    folder = os.path.join(FOLDER, "torch")
    os.makedirs(folder, exist_ok=True)
    save = lambda name, value, **options: torch.save(value, os.path.join(folder, name), **options)
    plain = state_dict(tiny)
    # A transposed view, a slice that starts inside its storage, and a parameter, all of which state dicts may hold.
    plain["conv1.weight"] = plain["conv1.weight"].permute(3, 2, 1, 0).contiguous().permute(3, 2, 1, 0)
    plain["bn1.weight"] = torch.cat([torch.full((5,), 9.0), plain["bn1.weight"], torch.full((2,), 9.0)])[5:-2]
    plain["bn1.bias"] = torch.nn.Parameter(plain["bn1.bias"])
    save("plain.pth", plain)
    save("brain.pth", {"model": state_dict(tiny, "encoder.", torch.bfloat16)}, pickle_protocol=4)
    save("resnet18.pth", {"state_dict": state_dict(resnet18(4), "module.", torch.float16)})
    wrapped = state_dict(tiny, "module.backbone.", torch.float16)
    wrapped["module.backbone.fc.bias"] = torch.zeros(3)
    wrapped["module.predictor.0.weight"] = torch.zeros(2, 2)
    save("half.pth", {"epoch": 3, "arch": "resnet18", "best": torch.tensor(0.5), "optimizer": {"state": {0: {"step": 1}}, "param_groups": [{"lr": 1e-3, "params": [0]}]}, "state_dict": wrapped})
    one = {"conv1.weight": torch.zeros(1)}
    save("legacy.pth", one, _use_new_zipfile_serialization=False)
    save("namespace.pth", {"model": one, "args": argparse.Namespace(lr=1)})
    save("malicious.pth", {"state_dict": one, "hook": Malicious()})
    save("numbers.pth", {"epoch": 3, "history": [1, 2]})
    torch.jit.save(torch.jit.script(torch.nn.Linear(1, 1)), os.path.join(folder, "script.pth"))


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Whole networks through `xclr parity` against PyTorch's float64, one row of docs/parity.md per case. Exit code 1 where a limit is passed.

    network_cases.py --xclr src/XClr.Cli/bin/Release/net10.0/xclr [--only r18 --only floor] [--folder /tmp/parity]

A cell is the worst ratio of an error to its limit (compare.py): above 1 is a failure. Files lie in the folder while a case runs (780 MB for ResNet-50).
"""
import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

import compare
import safetensors_io

HERE = os.path.dirname(os.path.abspath(__file__))
SWIFTSHADER = {"VK_ADD_DRIVER_FILES": "/usr/lib/chromium/vk_swiftshader_icd.json"}
# As tests/XClr.TestKit/TestDevices.FloorCaps. A slice of a tensor is a row of the batch or a whole weight: 9 MiB hold layer4's 3x3 weights.
FLOOR = {"XCLR_CAPS": "maxStorageBufferRange={range},maxComputeWorkGroupCount=64,maxComputeSharedMemorySize=16K,maxComputeWorkGroupInvocations=256,"
                      "shaderFloat16=0,storageBuffer16Bit=0,cpuKernels=0,shaderInt64=0"}
SIZES = {"even": "--height 64 --width 64", "odd": "--height 75 --width 61"}
OPTIMIZERS = {
    "sgd": "--optimizer sgd --lr 0.1 --weight-decay 1e-4 --momentum 0.9",
    "sgd-nesterov-clip": "--optimizer sgd --lr 0.1 --weight-decay 1e-3 --momentum 0.9 --nesterov --clip-norm 0.5",
    "sgd-nesterov": "--optimizer sgd --lr 0.1 --weight-decay 0 --momentum 0.9 --nesterov",
    "lars": "--optimizer lars --lr 2.0 --weight-decay 1e-4 --momentum 0.9",
    "lars-clip": "--optimizer lars --lr 1.0 --weight-decay 1e-3 --momentum 0.9 --clip-norm 1",
    "adamw": "--optimizer adamw --lr 0.001 --weight-decay 0.05",
    "adamw-clip": "--optimizer adamw --lr 0.001 --weight-decay 0.1 --clip-norm 0.5",
    "none": "--optimizer none",
}
"""(arch, size, N, loss, optimizer)"""
TRAINING = [
    ("resnet18", "even", 4, "xclr", "sgd"),
    ("resnet18", "even", 8, "simclr", "lars"),
    ("resnet18", "even", 6, "supcon", "adamw-clip"),
    ("resnet18", "even", 5, "clip", "sgd-nesterov"),
    ("resnet18", "odd", 5, "xclr", "lars-clip"),
    ("resnet18", "odd", 4, "simclr", "adamw"),
    ("resnet18", "odd", 8, "supcon", "sgd-nesterov-clip"),
    ("resnet18", "odd", 6, "clip", "sgd"),
    ("resnet50", "even", 8, "xclr", "adamw"),
    ("resnet50", "even", 4, "simclr", "sgd-nesterov-clip"),
    ("resnet50", "even", 5, "supcon", "lars"),
    ("resnet50", "even", 6, "clip", "sgd"),
    ("resnet50", "odd", 4, "xclr", "sgd"),
    ("resnet50", "odd", 6, "simclr", "lars-clip"),
    ("resnet50", "odd", 8, "supcon", "sgd-nesterov"),
    ("resnet50", "odd", 5, "clip", "adamw-clip"),
]
STEPS = {
    "sgd": "--optimizer sgd --lr 0.1,0.2,0.05,0.1 --steps 4 --weight-decay 1e-3 --momentum 0.9",
    "sgd-nesterov-clip": "--optimizer sgd --lr 0.1 --steps 4 --weight-decay 1e-3 --momentum 0.9 --nesterov --clip-norm 0.7",
    "lars": "--optimizer lars --lr 0.5,1.0,0.3,2.0 --steps 4 --weight-decay 1e-3 --momentum 0.9",
    "adamw": "--optimizer adamw --lr 0.001,0.002,0.003,0.001 --steps 4 --weight-decay 0.1",
    "adamw-clip": "--optimizer adamw --lr 0.01 --steps 4 --weight-decay 0.1 --clip-norm 0.7",
}


def cases():
    """(name, mode of the generator, options of both sides, generator's own options, device, environment)"""
    def network(name, arch, size, n, loss, optimizer, device="llvmpipe", environment=None, more=""):
        return (name, "parity", f"--arch {arch} --loss {loss} {OPTIMIZERS[optimizer]}{more}", f"--n {n} {SIZES[size]}", device, environment or {})

    for arch, size, n, loss, optimizer in TRAINING:
        yield network(f"r{arch[6:]}-{size}-n{n}-{loss}-{optimizer}", arch, size, n, loss, optimizer)
    yield network("r18-odd-n5-xclr-eval", "resnet18", "odd", 5, "xclr", "none", more=" --mode eval")
    yield network("r50-odd-n4-clip-eval", "resnet50", "odd", 4, "clip", "none", more=" --mode eval")
    yield network("r18-odd-n4-xclr-sgd-swiftshader", "resnet18", "odd", 4, "xclr", "sgd", "swiftshader", SWIFTSHADER)
    yield network("r18-odd-n4-xclr-sgd-floor", "resnet18", "odd", 4, "xclr", "sgd", environment={"XCLR_CAPS": FLOOR["XCLR_CAPS"].format(range="9M")})
    for name, options in STEPS.items():
        yield (f"steps-{name}", "optimizer", options, "", "llvmpipe", {})


def run(command, environment=None):
    finished = subprocess.run(command, env={**os.environ, **(environment or {})}, capture_output=True, text=True)
    if finished.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: exit code {finished.returncode}\n{finished.stdout}{finished.stderr}")


def without(option, words):
    """The words less the option and its value."""
    if option not in words:
        return words
    at = words.index(option)
    return words[:at] + words[at + 2:]


def measure(case, xclr, folder):
    """Rows of compare.py and the seconds that `xclr parity` took."""
    _, mode, options, shape, device, environment = case
    run([sys.executable, os.path.join(HERE, "generate_golden.py"), mode, *options.split(), *shape.split(), "--out-dir", folder])
    path = {name: os.path.join(folder, f"{name}.safetensors") for name in ("w", "b", "g", "o", "expected", "expected_f32")}
    given = ["--batch", path["b"]] if mode == "parity" else ["--gradients", path["g"]]
    begin = time.monotonic()
    run([xclr, "parity", *without("--steps", options.split()), "--weights", path["w"], *given, "--device", device, "--out", path["o"]], environment)
    seconds = time.monotonic() - begin
    expected, single, actual = (safetensors_io.read(path[name])[0] for name in ("expected", "expected_f32", "o"))
    return compare.compare(actual, expected, compare.limits(expected, single)), seconds


def kind(name):
    if name in ("loss", "features", "projections"):
        return name
    return "gradients" if name.startswith("grad.") else "parameters"


def cell(rows, wanted):
    """Worst ratio, how many quantities, and how many of them are held by five times PyTorch's error."""
    rows = [row for row in rows if kind(row[0]) == wanted]
    if not rows:
        return ""
    if any(row[1] is None for row in rows):
        return "missing"
    ratio = max(row[1] / row[2] if row[2] > 0 else (0 if row[1] == 0 else float("inf")) for row in rows)
    return f"{ratio:.3f}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--xclr", required=True)
    parser.add_argument("--only", action="append", help="cases whose name contains this; may be given several times")
    parser.add_argument("--folder", help="where the files lie while a case runs; default: a temporary folder")
    options = parser.parse_args()
    kinds = ("loss", "features", "projections", "gradients", "parameters")
    print(f"| case | {' | '.join(kinds)} | by the 5x rule | s |\n| --- |{' ---: |' * (len(kinds) + 2)}", flush=True)
    failed = 0
    for case in cases():
        if options.only and not any(part in case[0] for part in options.only):
            continue
        folder = os.path.join(options.folder or tempfile.gettempdir(), f"xclr-{case[0]}")
        try:
            rows, seconds = measure(case, options.xclr, folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        wrong = [row for row in rows if row[3]]
        network = any(row[0] == "loss" for row in rows)
        relaxed = sum(1 for row in rows if row[2] > compare.base_limit(row[0], network))
        print(f"| {case[0]} | {' | '.join(cell(rows, k) for k in kinds)} | {relaxed} of {len(rows)} | {seconds:.1f} |", flush=True)
        for name, e, limit, what in wrong:
            print(f"    {name}: {e} limit {limit:.2e} {what}", flush=True)
        failed += len(wrong) > 0
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

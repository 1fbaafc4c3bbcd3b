#!/usr/bin/env python3
"""Whole networks through `xclr parity` against PyTorch's float64: docs/parity.md's table, a row per case.

    network_cases.py --xclr src/XClr.Cli/bin/Release/net10.0/xclr [--position random] [--only r18 --only floor] [--folder /tmp/parity]

Networks are in general position (general_position.py), whose margins the table shows; with --position random they are not, and ReLU ties are looked for. A cell is the worst ratio of an error to its limit (compare.py); above 1 the limit is passed. `step alone`: the parameters against float64's step from the
gradients that were put out, limit 1e-6. In random position, where a limit is passed, float64 is run again with its ReLU ties decided as the run decided them
(relu_ties.py). Exit code 1 where an error is above its limit, or stays above it then. Files lie in the folder while a case runs (a gigabyte for ResNet-50).
"""
import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

import compare
import generate_golden
import parity
import relu_ties
import safetensors_io

KINDS = ("loss", "features", "projections", "gradients", "parameters")
COLUMNS = {
    "general": ("case", *KINDS, "5x", "step alone", "ReLU margin", "pool margin", "s"),
    "random": ("case", *KINDS, "5x", "step alone", "ties", "gradients, ties alike", "s"),
}
HERE = os.path.dirname(os.path.abspath(__file__))
SWIFTSHADER = {"VK_ADD_DRIVER_FILES": "/usr/lib/chromium/vk_swiftshader_icd.json"}
# As tests/XClr.TestKit/TestDevices.FloorCaps but for the range: activations are sliced, weights are not, and layer4's 3x3 weights are 9 MiB.
FLOOR = {"XCLR_CAPS": "maxStorageBufferRange=9M,maxComputeWorkGroupCount=64,maxComputeSharedMemorySize=16K,maxComputeWorkGroupInvocations=256,"
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
# arch, size, N, loss, optimizer
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
    ("resnet18", "even", 6, "supervised", "sgd"),
    ("resnet50", "odd", 4, "supervised", "lars"),
]
# The same in mixed precision: float64 against both sides' fp16, which differ in the last digit wherever a sum does: twice PyTorch's error is allowed.
AMP = [
    ("resnet18", "even", 8, "simclr", "lars"),
    ("resnet18", "odd", 6, "clip", "sgd"),
    ("resnet50", "even", 8, "xclr", "sgd"),
    ("resnet50", "odd", 8, "supcon", "sgd-nesterov"),
    ("resnet50", "odd", 4, "supervised", "lars"),
]
# And in bf16, which these devices do not report and store all the same.
BF16 = [
    ("resnet18", "even", 8, "simclr", "lars"),
    ("resnet18", "odd", 6, "clip", "sgd"),
    ("resnet50", "even", 8, "xclr", "sgd"),
]
# In micro-batches of so many samples, which batch norms see one at a time.
MICRO = [
    ("resnet18", "even", 8, "xclr", "sgd", 4),
    ("resnet18", "odd", 6, "supcon", "adamw-clip", 3),
    ("resnet50", "even", 8, "simclr", "lars", 4),
    ("resnet50", "odd", 6, "clip", "adamw-clip", 3),
]
STEPS = {
    "sgd": "--optimizer sgd --lr 0.1,0.2,0.05,0.1 --steps 4 --weight-decay 1e-3 --momentum 0.9",
    "sgd-nesterov-clip": "--optimizer sgd --lr 0.1 --steps 4 --weight-decay 1e-3 --momentum 0.9 --nesterov --clip-norm 0.7",
    "lars": "--optimizer lars --lr 0.5,1.0,0.3,2.0 --steps 4 --weight-decay 1e-3 --momentum 0.9",
    "adamw": "--optimizer adamw --lr 0.001,0.002,0.003,0.001 --steps 4 --weight-decay 0.1",
    "adamw-clip": "--optimizer adamw --lr 0.01 --steps 4 --weight-decay 0.1 --clip-norm 0.7",
}


def cases(position):
    """(name, mode of the generator, options of both sides, generator's own options, device, environment)"""
    def network(name, arch, size, n, loss, optimizer, device="llvmpipe", environment=None, more=""):
        return (name, "parity", f"--arch {arch} --loss {loss} {OPTIMIZERS[optimizer]}{more}", f"--n {n} {SIZES[size]} --position {position}", device, environment or {})

    for arch, size, n, loss, optimizer in TRAINING:
        yield network(f"r{arch[6:]}-{size}-n{n}-{loss}-{optimizer}", arch, size, n, loss, optimizer)
    for arch, size, n, loss, optimizer in AMP:
        yield network(f"r{arch[6:]}-{size}-n{n}-{loss}-{optimizer}-amp", arch, size, n, loss, optimizer, more=" --precision amp")
    for arch, size, n, loss, optimizer in BF16:
        yield network(f"r{arch[6:]}-{size}-n{n}-{loss}-{optimizer}-bf16", arch, size, n, loss, optimizer, environment={"XCLR_CAPS": "needsBFloat16=0"}, more=" --precision bf16")
    for arch, size, n, loss, optimizer, micro in MICRO:
        yield network(f"r{arch[6:]}-{size}-n{n}-{loss}-{optimizer}-micro{micro}", arch, size, n, loss, optimizer, more=f" --micro-batch {micro}")
    yield network("r18-odd-n5-xclr-eval", "resnet18", "odd", 5, "xclr", "none", more=" --mode eval")
    yield network("r50-odd-n4-clip-eval", "resnet50", "odd", 4, "clip", "none", more=" --mode eval")
    yield network("r18-odd-n4-xclr-sgd-swiftshader", "resnet18", "odd", 4, "xclr", "sgd", "swiftshader", SWIFTSHADER)
    yield network("r18-odd-n4-xclr-sgd-floor", "resnet18", "odd", 4, "xclr", "sgd", environment=FLOOR)
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
    """One row of the table: the name and cells, the worst unexplained ratio, and what is above its limit."""
    name, mode, options, shape, device, environment = case
    arguments = [mode, *options.split(), *shape.split(), "--out-dir", folder]
    run([sys.executable, os.path.join(HERE, "generate_golden.py"), *arguments])
    path = {name: os.path.join(folder, f"{name}.safetensors") for name in ("w", "b", "g", "o", "expected", "expected_f32", "expected_f32_nhwc")}
    given = ["--batch", path["b"]] if mode == "parity" else ["--gradients", path["g"]]
    begin = time.monotonic()
    run([xclr, "parity", *without("--steps", options.split()), "--weights", path["w"], *given, "--device", device, "--out", path["o"]], environment)
    seconds = time.monotonic() - begin
    expected, actual = (safetensors_io.read(path[name])[0] for name in ("expected", "o"))
    yardsticks = [safetensors_io.read(path[name])[0] for name in ("expected_f32", "expected_f32_nhwc") if os.path.exists(path[name])]
    limits = compare.limits(expected, yardsticks, re.search(r"--precision (\w+)|$", options)[1] or "fp32")
    rows = compare.compare(actual, expected, limits)
    cells = {k: cell(rows, k) for k in KINDS}
    relaxed = sum(1 for row in rows if row[2] > compare.base_limit(row[0], "loss" in expected))
    cells["5x"] = f"{relaxed} of {len(rows)}"
    wrong = [row for row in rows if row[3]]
    unexplained = max([ratio(row) for row in wrong], default=0)
    if any(key.startswith("grad.") for key in expected):
        parsed, weights = generate_golden.parse(arguments), safetensors_io.read(path["w"])[0]
        step, alone = step_alone(weights, actual, parsed, cells)
        if wrong and parsed.position == "random":
            unexplained = explain(path, weights, parsed, actual, limits, cells, step)
        unexplained = max(unexplained, alone)
    cells.update({f"{name.split('_')[0].replace('relu', 'ReLU')} margin": f"{float(value):.0e}" for name, value in safetensors_io.read(path["w"])[1].items()})
    return {"case": name, **cells, "s": f"{seconds:.1f}"}, unexplained, wrong


def step_alone(weights, actual, options, cells):
    """Adds the cell of the optimiser's step alone. Returns the parameters after float64's step from the run's gradients, and the worst ratio of an error to its limit."""
    if options.optimizer == "none":
        return {}, 0
    step = parity.step_from(weights, {key[5:]: value for key, value in actual.items() if key.startswith("grad.")}, options)
    worst = max(compare.error(key, actual[key], value) for key, value in step.items()) / compare.LIMITS["optimizer"]
    cells["step alone"] = f"{worst:.3f}"
    return step, worst


def explain(path, weights, options, actual, limits, cells, step):
    """Adds the comparison with ReLU ties decided alike. Returns the worst ratio left."""
    settled, inputs = relu_ties.settle(weights, safetensors_io.read(path["b"])[0], options, actual)
    rows = [row for row in compare.compare(actual, settled, limits) if kind(row[0]) != "parameters" or row[0] not in step]
    cells["ties"] = f"{len(inputs)}, to {max(map(abs, inputs), default=0):.0e}"
    cells["gradients, ties alike"] = cell(rows, "gradients")
    return max(ratio(row) for row in rows)


def kind(name):
    if name == "logits":
        return "projections"
    if name in ("loss", "features", "projections"):
        return name
    return "gradients" if name.startswith("grad.") else "parameters"


def ratio(row):
    _, e, limit, _ = row
    return float("inf") if e is None else e / limit if limit > 0 else 0 if e == 0 else float("inf")


def cell(rows, wanted):
    """The worst ratio of an error to its limit, bold above 1."""
    ratios = [ratio(row) for row in rows if kind(row[0]) == wanted]
    text = f"{max(ratios):.3f}" if ratios else ""
    return f"**{text}**" if ratios and max(ratios) > 1 else text


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--xclr", required=True)
    parser.add_argument("--position", choices=["general", "random"], default="general", help="of networks and batches: general_position.py")
    parser.add_argument("--only", action="append", help="cases whose name contains this; may be given several times")
    parser.add_argument("--folder", help="where the files lie while a case runs; default: a temporary folder")
    options = parser.parse_args()
    columns = COLUMNS[options.position]
    print(f"| {' | '.join(columns)} |\n| --- |{' ---: |' * (len(columns) - 1)}", flush=True)
    failed = 0
    for case in cases(options.position):
        if options.only and not any(part in case[0] for part in options.only):
            continue
        folder = os.path.join(options.folder or tempfile.gettempdir(), f"xclr-{case[0]}")
        try:
            row, left, wrong = measure(case, options.xclr, folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        print(f"| {' | '.join(row.get(column, '') for column in columns)} |", flush=True)
        for name, e, limit, what in sorted(wrong, key=ratio, reverse=True)[:5 if left <= 1 else None]:
            print(f"    {name}: {'-' if e is None else f'{e:.2e}'}, limit {limit:.2e}: {what}", file=sys.stderr, flush=True)
        failed += left > 1
    unexplained = " that ties do not explain" if options.position == "random" else ""
    print(f"{failed} cases with errors above their limits{unexplained}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

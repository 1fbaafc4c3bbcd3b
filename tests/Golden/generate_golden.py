#!/usr/bin/env python3
"""Writes golden files with PyTorch. Needs Debian's python3-torch (1.13.1) and python3-torchvision (0.14.1): run with /usr/bin/python3.

    generate_golden.py parity --arch resnet50 --n 4 --height 75 --width 61 --loss xclr --optimizer sgd --lr 0.1 --out-dir D
    generate_golden.py optimizer --optimizer lars --lr 0.5,1.0 --steps 2 --out-dir D
    generate_golden.py check     checks the oracle itself: torchvision's networks, torch's optimisers, the losses' identities
    generate_golden.py data      writes tests/Golden/data anew
"""
import argparse
import os
import sys

import numpy as np
import torch

import compare
import general_position
import golden_data
import oracle_checks
import parity
import safetensors_io


def write_parity(options):
    """w, b, expected (float64), expected_f32 and expected_f32_nhwc (the same in channels_last, whose sums have another order) of one step; given --weights or --batch are used as they are."""
    folder = options.out_dir
    weights = safetensors_io.read(options.weights)[0] if options.weights else parity.random_weights(options)
    batch = safetensors_io.read(options.batch)[0] if options.batch else parity.random_batch(options)
    margins = general_position.settle(weights, batch, options) if options.position == "general" else {}
    exact = parity.run(weights, batch, options, torch.float64)
    single, channels_last = parity.float32_runs(weights, batch, options)
    safetensors_io.write(os.path.join(folder, "w.safetensors"), weights, margins)
    safetensors_io.write(os.path.join(folder, "b.safetensors"), batch)
    safetensors_io.write(os.path.join(folder, "expected.safetensors"), exact)
    safetensors_io.write(os.path.join(folder, "expected_f32.safetensors"), single)
    safetensors_io.write(os.path.join(folder, "expected_f32_nhwc.safetensors"), channels_last)
    print(f"{folder}: loss {exact['loss'][0]:.9f}; PyTorch's float32 against its float64:")
    rows = compare.compare(single, exact, compare.limits(exact, []))
    for name, e, limit, _ in compare.worst(rows):
        print(f"  {name:44} {e:.2e}  limit without it {limit:.2e}")
    above = sum(1 for row in rows if row[3])
    print(f"  {above} of {len(rows)} quantities above that limit: five times PyTorch's error holds there")


def write_optimizer(options):
    """w, g (`0.<name>`, `1.<name>`, ...), expected (float64) and expected_f32 of K steps."""
    folder = options.out_dir
    weights, gradients = golden_data.optimizer_input(options.seed, options.steps)
    exact = parity.run_optimizer(weights, gradients, options, torch.float64)
    single = parity.run_optimizer(weights, gradients, options, torch.float32)
    for name, tensors in (("w", weights), ("g", gradients), ("expected", exact), ("expected_f32", single)):
        safetensors_io.write(os.path.join(folder, f"{name}.safetensors"), tensors)
    print(f"{folder}: {options.optimizer}, {options.steps} steps")


def numbers(text):
    return [float(part) for part in text.split(",")]


def add_optimizer_options(parser, default):
    parser.add_argument("--optimizer", choices=["sgd", "lars", "adamw", "none"], default=default)
    parser.add_argument("--lr", type=numbers, default=[0.1], help="one, or a comma-separated list with one per step")
    parser.add_argument("--weight-decay", type=float, default=1e-4)
    parser.add_argument("--momentum", type=float, default=0.9)
    parser.add_argument("--nesterov", action="store_true")
    parser.add_argument("--clip-norm", type=float)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out-dir", required=True)


def add_network_options(parser):
    parser.add_argument("--arch", choices=parity.ARCHITECTURES, required=True)
    parser.add_argument("--channels", type=int, default=64, help="of the first layer; 64 is width 1")
    parser.add_argument("--stem", choices=["imagenet", "half", "small"], default="imagenet")
    parser.add_argument("--n", type=int, default=4, help="samples; the batch has twice as many rows")
    parser.add_argument("--height", type=int, default=64)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--projection-width", type=int, default=128, help="or classes, for --loss supervised")
    parser.add_argument("--text-width", type=int, default=48)
    parser.add_argument("--loss", choices=["xclr", "simclr", "supcon", "clip", "supervised"], default="xclr")
    parser.add_argument("--tau", type=float, default=0.1)
    parser.add_argument("--tau-s", type=float, default=0.1)
    parser.add_argument("--mode", choices=["train", "eval"], default="train")
    parser.add_argument("--precision", choices=["fp32", "amp", "bf16"], default="fp32", help="of expected_f32 (mixed_precision.py)")
    parser.add_argument("--micro-batch", type=int, default=0, help="samples that batch norms see at a time (micro_batches.py); 0: all")
    parser.add_argument("--last-gamma", type=float, default=0.2, help="factor on the last BN gamma of each block")
    parser.add_argument("--position", choices=["random", "general"], default="random", help="general: moved away from ReLU and pool ties (general_position.py)")
    parser.add_argument("--weights", help="use this file instead of random weights")
    parser.add_argument("--batch", help="use this file instead of a random batch")


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    modes = parser.add_subparsers(dest="what", required=True)
    network = modes.add_parser("parity")
    add_network_options(network)
    add_optimizer_options(network, "sgd")
    steps = modes.add_parser("optimizer")
    add_optimizer_options(steps, "sgd")
    steps.add_argument("--steps", type=int, default=3)
    modes.add_parser("check")
    data = modes.add_parser("data")
    data.add_argument("--out-dir", default=os.path.join(os.path.dirname(os.path.abspath(__file__)), "data"))
    return parser.parse_args(arguments)


def main():
    options = parse(sys.argv[1:])
    torch.manual_seed(0)
    np.seterr(invalid="raise", divide="raise", over="raise")
    if options.what == "parity":
        write_parity(options)
    elif options.what == "optimizer":
        write_optimizer(options)
    elif options.what == "check":
        oracle_checks.run()
    else:
        torch.set_num_threads(1)  # the order of sums, and so the last bit, depends on it
        oracle_checks.run()
        golden_data.write(options.out_dir, parse)


if __name__ == "__main__":
    main()

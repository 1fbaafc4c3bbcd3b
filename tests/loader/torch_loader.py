#!/usr/bin/python3
"""PyTorch's DataLoader over an ImageFolder with torchvision's transforms, two views per image: images per second as JSON.

--transforms simclr: crop, flip, jitter, grey, blur, as the SimCLR recipe has them, all on the processor (where xclr does them on the device).
--transforms crop: crop, flip and conversion alone, the least that a loader of equal-sized views must do.
"""
import argparse
import json
import os
import resource
import time

import torch
from torchvision import datasets, transforms as T


class TwoViews:
    def __init__(self, transform):
        self.transform = transform

    def __call__(self, image):
        return self.transform(image), self.transform(image)


def views(kind, size):
    steps = [T.RandomResizedCrop(size, interpolation=T.InterpolationMode.BICUBIC), T.RandomHorizontalFlip()]
    if kind == "simclr":
        side = size // 20 * 2 + 1
        steps += [T.RandomApply([T.ColorJitter(0.8, 0.8, 0.8, 0.2)], p=0.8), T.RandomGrayscale(0.2), T.RandomApply([T.GaussianBlur(side, (0.1, 2.0))], p=0.5)]
    return TwoViews(T.Compose(steps + [T.ToTensor(), T.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))]))


def processor_seconds():
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in usages)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rows", type=int, default=32)
    parser.add_argument("--transforms", choices=("simclr", "crop"), default="simclr")
    parser.add_argument("--seconds", type=float, default=4)
    args = parser.parse_args()
    torch.set_num_threads(1)
    data = datasets.ImageFolder(args.folder, views(args.transforms, args.size))
    # A long epoch of repeated images, so that starting the workers is not measured.
    sampler = torch.utils.data.RandomSampler(data, replacement=True, num_samples=1_000_000)
    loader = torch.utils.data.DataLoader(data, batch_size=args.rows, sampler=sampler, num_workers=args.workers)
    batches = iter(loader)
    for _ in range(2 * args.workers):
        next(batches)
    # Workers run ahead by two batches each, so what they do is counted as they do it.
    worker_pids = [w.pid for w in batches._workers]
    before, clock, images = busy(worker_pids), time.perf_counter(), 0
    while time.perf_counter() - clock < args.seconds:
        next(batches)
        images += args.rows
    elapsed, cpu = time.perf_counter() - clock, busy(worker_pids) - before
    print(json.dumps({"images_per_second": images / elapsed, "images_per_cpu_second": images / cpu, "torch": torch.__version__}))


def busy(pids):
    """Processor seconds of this process and the workers so far."""
    ticks = 0
    for pid in pids:
        with open(f"/proc/{pid}/stat") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        ticks += int(fields[11]) + int(fields[12])
    return processor_seconds() + ticks / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""The training step that `xclr bench step` times, in this machine's PyTorch: ResNet-50 with SimCLR's projector and loss, forward, backward and an SGD update on noise.

    torch_step.py --image-size 224 --rows 256 [--device cuda] [--precision amp] [--repeats 10] [--modes eager compile]

On a GPU amp is autocast to fp16 with gradient scaling, bf16 autocast to bfloat16, and fp32 without TF32, as everywhere on a processor; channels_last. Prints JSON: milliseconds of each run, eager and under torch.compile; a mode that fails has its error instead.
"""
import argparse
import json
import statistics
import time

import torch
import torchvision


class Network(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone = torchvision.models.resnet50()
        self.backbone.fc = torch.nn.Identity()
        self.projector = torch.nn.Sequential(
            torch.nn.Linear(2048, 2048, bias=False), torch.nn.BatchNorm1d(2048), torch.nn.ReLU(), torch.nn.Linear(2048, 128, bias=False), torch.nn.BatchNorm1d(128, affine=False))

    def forward(self, images):
        return torch.nn.functional.normalize(self.projector(self.backbone(images)).float(), dim=1)


def loss_of(z, tau=0.1):
    """NT-Xent: each row's positive is the other view of its sample."""
    rows = z.shape[0]
    logits = z @ z.t() / tau
    logits = logits.masked_fill(torch.eye(rows, dtype=torch.bool, device=z.device), float("-inf"))
    return torch.nn.functional.cross_entropy(logits, (torch.arange(rows, device=z.device) + rows // 2) % rows)


def measure(options, compiled):
    torch.manual_seed(0)
    gpu = options.device == "cuda"
    half = {"amp": torch.float16, "bf16": torch.bfloat16}.get(options.precision) if gpu else None
    network = Network().to(options.device, memory_format=torch.channels_last).train()
    step_network = torch.compile(network) if compiled else network
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-4)
    scaler = torch.amp.GradScaler("cuda") if half == torch.float16 else None
    images = torch.randn(options.rows, 3, options.image_size, options.image_size, device=options.device).to(memory_format=torch.channels_last)

    def step():
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(options.device, dtype=half or torch.bfloat16, enabled=half is not None):
            z = step_network(images)
        loss = loss_of(z)
        if scaler is None:
            loss.backward()
            optimizer.step()
        else:
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()

    def wait():
        if gpu:
            torch.cuda.synchronize()

    for _ in range(3 if gpu else 1):
        step()
    times = []
    for _ in range(options.repeats):
        wait()
        begin = time.perf_counter()
        step()
        wait()
        times.append(1000 * (time.perf_counter() - begin))
    median = statistics.median(times)
    return {"ms": sorted(times), "median_ms": median, "images_per_second": 1000 * options.rows / median}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--image-size", type=int, default=224)
    parser.add_argument("--rows", type=int, default=256)
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--precision", default="amp", choices=["amp", "bf16", "fp32"])
    parser.add_argument("--modes", nargs="+", default=["eager", "compile"], choices=["eager", "compile"])
    options = parser.parse_args()
    torch.backends.cudnn.benchmark = True
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    name = torch.cuda.get_device_name() if options.device == "cuda" else "cpu"
    result = {"torch": torch.__version__, "device": name, "image_size": options.image_size, "rows": options.rows, "precision": options.precision if options.device == "cuda" else "fp32"}
    for name in options.modes:
        try:
            result[name] = measure(options, name == "compile")
        except Exception as error:  # pylint: disable=broad-except # The other mode's figures must not be lost.
            result[name] = {"error": f"{type(error).__name__}: {error}"[:500]}
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""The product on CPU drivers beside what the same cores can do: a C loop of fused multiply-adds, and PyTorch's training step (oneDNN), all in one run.

    cpu_ratios.py --out build/cpu-ratios [--rounds 5] [--image-size 64] [--rows 32]

Rounds are interleaved: each measures everything once, and a figure is the median of its rounds. Drivers: the machine's own lavapipe, and the newer one of build/drivers/root where that is there. Writes ratios.json and prints
the table of docs/performance.md. PyTorch (Debian's python3-torch) is left out where it cannot be imported.
"""
import argparse
import datetime
import json
import os
import platform
import statistics
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
XCLR = os.path.join(ROOT, "src", "XClr.Cli", "bin", "Release", "net10.0", "xclr")


def output(command):
    finished = subprocess.run(command, capture_output=True, text=True)
    if finished.returncode != 0:
        raise SystemExit(f"{' '.join(command)}: exit code {finished.returncode}\n{finished.stdout}{finished.stderr}")
    return finished.stdout


def drivers():
    """{name: the command's beginning}"""
    found = {"machine": [XCLR]}
    if os.path.exists(os.path.join(ROOT, "build", "drivers", "root", "packages")):
        width = "512" if "avx512f" in open("/proc/cpuinfo", encoding="ascii").read() else "256"
        found["root"] = [os.path.join(ROOT, "tests", "drivers", "in_root.sh"), "lavapipe", f"LP_NATIVE_VECTOR_WIDTH={width}", XCLR]
    return found


def bench(xclr, *options):
    return json.loads(output([*xclr, "bench", *options, "--repeats", "1", "--json"]))


def product(xclr, options):
    """One round of the product: GFLOP/s of a matrix product, then milliseconds and GFLOP/s of a forward pass and of a step."""
    gemm = bench(xclr, "gemm")
    forward = bench(xclr, "forward", "--image-size", "224", "--rows", "1")["result"]
    step = bench(xclr, "step", "--image-size", str(options.image_size), "--rows", str(options.rows))["result"]
    return {
        "driver": gemm["device"],
        "gemm": gemm["ops"][0]["gigaflopsPerSecond"],
        "forward_ms": forward["wallMs"],
        "forward": forward["gflopPerSecond"],
        "step_ms": step["wallMs"],
        "step": step["gflopPerSecond"],
        "step_images": step["imagesPerSecond"],
    }


def torch_step(options):
    """Images per second of PyTorch's step on the CPU; None without PyTorch."""
    script = os.path.join(HERE, "torch_step.py")
    finished = subprocess.run([sys.executable, script, "--device", "cpu", "--image-size", str(options.image_size), "--rows", str(options.rows), "--repeats", "3"], capture_output=True, text=True)
    return json.loads(finished.stdout)["eager"].get("images_per_second") if finished.returncode == 0 else None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--image-size", type=int, default=64)
    parser.add_argument("--rows", type=int, default=32)
    options = parser.parse_args()
    os.makedirs(options.out, exist_ok=True)
    loop = os.path.join(options.out, "fma_loop")
    output(["gcc", "-O3", "-march=native", "-ffp-contract=fast", "-pthread", os.path.join(HERE, "fma_loop.c"), "-o", loop])
    rounds = []
    for number in range(options.rounds):
        rounds.append({"fma": float(output([loop])), "torch": torch_step(options), **{name: product(xclr, options) for name, xclr in drivers().items()}})
        print(f"round {number + 1} of {options.rounds}: {rounds[-1]}", file=sys.stderr)
    with open(os.path.join(options.out, "ratios.json"), "w", encoding="utf-8") as file:
        json.dump({"date": datetime.date.today().isoformat(), "processor": platform.processor() or platform.machine(), "rounds": rounds}, file, indent=1)
    table(rounds)


def table(rounds):
    fma = statistics.median(r["fma"] for r in rounds)
    torch = [r["torch"] for r in rounds if r["torch"] is not None]
    print(f"C loop of fused multiply-adds: {fma:.0f} GFLOP/s" + (f"; PyTorch's step: {statistics.median(torch):.1f} images/s" if torch else ""))
    print("\n| driver | GEMM 512^3, GFLOP/s | of the C loop | forward 224, batch 1 | of the GEMM rate | step | of the GEMM rate | of PyTorch's step |\n| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for name in (n for n in rounds[0] if n not in ("fma", "torch")):
        m = {key: statistics.median(r[name][key] for r in rounds) for key in rounds[0][name] if key != "driver"}
        beside = f"{m['step_images'] / statistics.median(torch):.2f}" if torch else ""
        print(f"| {rounds[0][name]['driver']} | {m['gemm']:.1f} | {m['gemm'] / fma:.2f} | {m['forward_ms']:.0f} ms | {m['forward'] / m['gemm']:.2f} | {m['step_ms']:.0f} ms, {m['step_images']:.1f} images/s | "
              f"{m['step'] / m['gemm']:.2f} | {beside} |")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Compares an output of `xclr parity` with the expected one. Prints quantity, error, limit; exits with 1 where a limit is passed.

    compare.py o.safetensors expected.safetensors [--expected-f32 expected_f32.safetensors] [--quiet]
"""
import argparse
import sys

import numpy as np

import safetensors_io

# A limit holds unless PyTorch's own run of that precision strays further from float64: then a multiple of its error does.
LIMITS = {"loss": 1e-5, "features": 1e-4, "projections": 1e-4, "logits": 1e-4, "grad": 1e-3, "parameter": 1e-4, "optimizer": 1e-6}
FACTORS = {"fp32": 5, "amp": 2, "bf16": 2}
# One number's error may be small by chance on one side: in mixed precision the loss has a limit of its own, for bf16 eight times that of fp16, as its rounding.
MIXED_LOSS = {"amp": 5e-3, "bf16": 4e-2}


def base_limit(name, network):
    if not network:
        return LIMITS["optimizer"]
    if name.startswith("grad."):
        return LIMITS["grad"]
    return LIMITS.get(name, LIMITS["parameter"])


def error(name, actual, expected):
    """Relative L2; for activations the worse of it and of the largest deviation over the largest magnitude. Infinite for NaN."""
    actual, expected = actual.astype(np.float64).ravel(), expected.astype(np.float64).ravel()
    difference = np.abs(actual - expected)

    def relative(size):
        scale = size(expected)
        return size(difference) / scale if scale > 0 else size(difference)

    result = relative(np.linalg.norm)
    if name in ("features", "projections", "logits") and difference.size:
        result = max(result, relative(lambda v: np.abs(v).max()))
    return float(result) if np.isfinite(result) else np.inf


def limits(expected, yardsticks, precision="fp32"):
    """{name: limit} of every quantity; integers must be exact. yardsticks: PyTorch's runs in the precision, of which the one that strays furthest counts."""
    network, result = "loss" in expected, {}
    for name, value in expected.items():
        limit = base_limit(name, network)
        if name == "loss" and precision in MIXED_LOSS:
            limit = MIXED_LOSS[precision]
        if value.dtype.kind == "i":
            limit = 0.0
        elif yardsticks:
            own = max(error(name, run[name], value) for run in yardsticks)
            limit = limit if own <= limit else FACTORS[precision] * own
        result[name] = limit
    return result


def compare(actual, expected, allowed):
    """[(name, error or None, limit, what is wrong or '')]"""
    rows = []
    for name, value in expected.items():
        if name not in actual:
            rows.append((name, None, allowed[name], "missing"))
        elif actual[name].shape != value.shape:
            rows.append((name, None, allowed[name], f"shape {list(actual[name].shape)}, expected {list(value.shape)}"))
        else:
            e = error(name, actual[name], value)
            rows.append((name, e, allowed[name], "" if e <= allowed[name] else "ABOVE THE LIMIT"))
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("actual")
    parser.add_argument("expected")
    parser.add_argument("--expected-f32", nargs="*", default=[], help="PyTorch's float32 runs of the same, for the limits")
    parser.add_argument("--quiet", action="store_true", help="print the worst of each kind and what fails")
    options = parser.parse_args()
    actual, _ = safetensors_io.read(options.actual)
    expected, _ = safetensors_io.read(options.expected)
    yardsticks = [safetensors_io.read(path)[0] for path in options.expected_f32]
    rows = compare(actual, expected, limits(expected, yardsticks))
    shown = rows if not options.quiet else worst([row for row in rows if not row[3]]) + [row for row in rows if row[3]]
    for name, e, limit, wrong in shown:
        print(f"{name:48} {'-' if e is None else f'{e:.2e}':>9}  limit {limit:.2e}  {wrong}")
    extra = sorted(set(actual) - set(expected))
    if extra:
        print(f"not expected, not compared: {', '.join(extra[:8])}{' ...' if len(extra) > 8 else ''}")
    failed = sum(1 for row in rows if row[3])
    print(f"{len(rows)} quantities, {failed} failed")
    return 1 if failed else 0


def worst(rows):
    """Of each kind of quantity, the row that comes closest to its limit or passes it furthest."""
    found = {}
    for row in rows:
        kind = "grad" if row[0].startswith("grad.") else row[0] if row[0] in LIMITS else "parameter"
        share = row[1] / row[2] if row[1] is not None and row[2] > 0 else 0
        if kind not in found or share > found[kind][0]:
            found[kind] = (share, row)
    return [row for _, row in found.values()]


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""What NVIDIA's driver made of the kernels in a pipeline cache (XCLR_CACHE/pipelines-*.bin): its compiler's figures do not tell spills, its machine code does.

    sass.py pipelines-*.bin

Each pipeline is a zstd frame with machine code in it, 16 bytes an instruction whose kind is in the lowest 12 bits; the kinds are those of Volta to Hopper. Prints a line per frame, in the order of the file: bytes, and how many instructions
multiply matrices (HMMA), load from shared memory (LDSM: fragments; LDS), store there (STS), load and store memory (LDG, STG), spill (LDL, STL) and wait for all (BAR). Where matrices are multiplied: how many lie between
the barrier before the first product and that product (a step's loads and their addresses), and behind the last one (the sums' way out), padding and paths not taken included. Needs the program zstd.
"""
import re
import struct
import subprocess
import sys

KINDS = {0x23C: "HMMA", 0x83B: "LDSM", 0x984: "LDS", 0x388: "STS", 0x981: "LDG", 0x986: "STG", 0x983: "LDL", 0x387: "STL", 0xB1D: "BAR", 0x223: "FFMA"}
# Beside those, what tells code from data: moves, integer arithmetic, comparisons, branches, the end.
COMMON = {0x202, 0x802, 0x224, 0x424, 0x824, 0x225, 0x825, 0x210, 0x810, 0x212, 0x812, 0x20C, 0x80C, 0x211, 0x811, 0x221, 0x947, 0x94D, 0x918, 0x919}


def frames(data):
    starts = [m.start() for m in re.finditer(re.escape(b"\x28\xb5\x2f\xfd"), data)]
    for begin, end in zip(starts, starts[1:] + [len(data)]):
        yield subprocess.run(["zstd", "-d", "-c"], input=data[begin:end], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False).stdout


def instructions(code):
    """Kinds of all 16-byte words, aligned as most known kinds appear."""
    aligned = [[struct.unpack_from("<H", code, at)[0] & 0xFFF for at in range(phase, len(code) - 15, 16)] for phase in (0, 8)]
    return max(aligned, key=lambda kinds: sum(kind in KINDS or kind in COMMON for kind in kinds))


def around_products(kinds):
    """Instructions from the barrier before the first product to that, and from the last product to the exit behind it; None without products."""
    hmma, bar, leave = 0x23C, 0xB1D, 0x94D
    if hmma not in kinds:
        return None
    first = kinds.index(hmma)
    barrier = max((i for i in range(first) if kinds[i] == bar), default=0)
    # Not to the last: what follows the code holds such numbers by chance.
    end = next((i for i in range(first, len(kinds)) if kinds[i] == leave), len(kinds))
    last = max(i for i in range(first, end) if kinds[i] == hmma)
    return first - barrier, end - last


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    for path in sys.argv[1:]:
        with open(path, "rb") as file:
            data = file.read()
        print(path)
        print("frame  bytes " + "".join(f"{name:>6}" for name in KINDS.values()) + "  before behind")
        for number, code in enumerate(frames(data)):
            kinds = instructions(code)
            around = around_products(kinds)
            print(f"{number:5} {len(code):6} " + "".join(f"{kinds.count(kind):6}" for kind in KINDS) + (f"{around[0]:8}{around[1]:7}" if around else ""))


if __name__ == "__main__":
    main()

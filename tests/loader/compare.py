#!/usr/bin/python3
"""Measures xclr's loader beside libjpeg-turbo's djpeg and PyTorch's DataLoader on the same photographs, in turns.

    tests/loader/compare.py PHOTOS [--resize 500x375] [--rounds 5] [--workers 2] [--out results.json]

PHOTOS: a folder of .jpg files, or .tar shards separated by spaces. README.md says what is compared with what. Needs djpeg
(Debian: libjpeg-turbo-progs) and, for the last part, python3-torchvision with Pillow; a part whose program is missing is left out.
"""
import argparse
import datetime
import io
import json
import os
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
HERE = os.path.dirname(os.path.realpath(__file__))


def read_photos(paths):
    """(name, bytes) of every JPEG."""
    for path in paths:
        if os.path.isdir(path):
            for name in sorted(os.listdir(path)):
                if name.lower().endswith((".jpg", ".jpeg")):
                    with open(os.path.join(path, name), "rb") as file:
                        yield name, file.read()
        else:
            with tarfile.open(path) as tar:
                for member in tar:
                    if member.isfile() and member.name.lower().endswith((".jpg", ".jpeg")):
                        yield os.path.basename(member.name), tar.extractfile(member).read()


def resized(data, size, quality=90):
    """The photograph cropped to the shape of size and reduced to it, as a baseline JPEG with chroma halved both ways."""
    from PIL import Image, ImageOps

    out = io.BytesIO()
    ImageOps.fit(Image.open(io.BytesIO(data)).convert("RGB"), size).save(out, "JPEG", quality=quality, subsampling=2)
    return out.getvalue()


def stacked(photos, quality=90):
    """Photographs of one size as one JPEG, one below the other, with the options of resized: None where they are not of one size, or too many for a JPEG's height."""
    from PIL import Image

    images = [Image.open(io.BytesIO(data)) for _, data in photos]
    width, height = images[0].size
    if height * len(images) > 65500 or any(image.size != (width, height) for image in images):
        return None
    sheet, out = Image.new("RGB", (width, height * len(images))), io.BytesIO()
    for i, image in enumerate(images):
        sheet.paste(image, (0, height * i))
    sheet.save(out, "JPEG", quality=quality, subsampling=2)
    return out.getvalue()


def write_set(folder, photos):
    """The same files twice: in a folder with a class, as torchvision's ImageFolder wants it, and as one shard with captions."""
    os.makedirs(os.path.join(folder, "images", "all"))
    with tarfile.open(os.path.join(folder, "00000.tar"), "w") as tar:
        for i, (_, data) in enumerate(photos):
            with open(os.path.join(folder, "images", "all", f"{i:06d}.jpg"), "wb") as file:
                file.write(data)
            for name, part in ((f"{i:06d}.jpg", data), (f"{i:06d}.txt", f"photograph {i}".encode())):
                info = tarfile.TarInfo(name)
                info.size = len(part)
                tar.addfile(info, io.BytesIO(part))


def processor_seconds():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def run_djpeg(files, options):
    """Seconds of the clock and of the processor for one djpeg per file, the picture written to nowhere."""
    clock, processor = time.perf_counter(), processor_seconds()
    for file in files:
        subprocess.run(["djpeg", *options, "-outfile", "/dev/null", file], check=True)
    return time.perf_counter() - clock, processor_seconds() - processor


def djpeg_rate(files, sheet, options=()):
    """Images per second of processor time, by one djpeg per file; and by one for all of them in one picture, of which its start takes a fiftieth."""
    rates = {"images_per_cpu_second": len(files) / run_djpeg(files, options)[1]}
    if sheet:
        rates["sheet_images_per_cpu_second"] = len(files) * 8 / run_djpeg([sheet] * 8, options)[1]
    return rates


def run_xclr(xclr, shard, size, workers, rows):
    out = subprocess.run([xclr, "bench", "loader", "--data", shard, "--image-size", str(size), "--workers", str(workers), "--rows", str(rows), "--repeats", "5", "--json"],
                         check=True, stdout=subprocess.PIPE).stdout
    return json.loads(out)["result"]


def run_torch(folder, size, workers, rows, transforms):
    out = subprocess.run(["/usr/bin/python3", os.path.join(HERE, "torch_loader.py"), folder, "--size", str(size), "--workers", str(workers), "--rows", str(rows), "--transforms", transforms],
                         stdout=subprocess.PIPE)
    return json.loads(out.stdout) if out.returncode == 0 else None


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", nargs="+")
    parser.add_argument("--resize", help="reduce the photographs to this first, such as 500x375")
    parser.add_argument("--size", type=int, default=224, help="side of a view")
    parser.add_argument("--scaled-size", type=int, default=96, help="side of a view for the scaled decode")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rows", type=int, default=32, help="samples of a batch")
    parser.add_argument("--xclr", default=os.path.join(ROOT, "src/XClr.Cli/bin/Release/net10.0/xclr"))
    parser.add_argument("--out")
    args = parser.parse_args()
    photos = list(read_photos(args.photos))
    if not photos:
        sys.exit(f"compare.py: no .jpg files in {' '.join(args.photos)}")
    if args.resize:
        width, height = (int(side) for side in args.resize.split("x"))
        photos = [(name, resized(data, (width, height))) for name, data in photos]
    with tempfile.TemporaryDirectory() as folder:
        write_set(folder, photos)
        sheet = stacked(photos) if args.resize else None
        if sheet:
            with open(os.path.join(folder, "sheet.jpg"), "wb") as file:
                file.write(sheet)
        result = compare(args, folder, len(photos))
    text = json.dumps(result, indent=1)
    if args.out:
        with open(args.out, "w") as file:
            file.write(text + "\n")
    print(text)


def compare(args, folder, count):
    shard, images = os.path.join(folder, "00000.tar"), os.path.join(folder, "images")
    files = sorted(os.path.join(images, "all", name) for name in os.listdir(os.path.join(images, "all")))
    sheet = os.path.join(folder, "sheet.jpg")
    rounds = []
    for _ in range(args.rounds):
        one = {"xclr_1": run_xclr(args.xclr, shard, args.scaled_size, 1, args.rows), "xclr": run_xclr(args.xclr, shard, args.size, args.workers, args.rows)}
        if shutil.which("djpeg"):
            one["djpeg"] = djpeg_rate(files, sheet if os.path.exists(sheet) else None)
        for transforms in ("simclr", "crop"):
            one["torch_" + transforms] = run_torch(images, args.size, args.workers, args.rows, transforms)
        rounds.append(one)
    return {
        "date": datetime.date.today().isoformat(), "machine": f"{cpu_name()}, {os.cpu_count()} cores", "python": platform.python_version(),
        "images": count, "file_bytes": sum(map(os.path.getsize, files)) / count, "resize": args.resize, "size": args.size, "scaled_size": args.scaled_size,
        "workers": args.workers, "rounds": rounds, "ratios": ratios(rounds),
    }


def ratios(rounds):
    """Median, smallest and largest over the rounds. Decoding by processor time, since djpeg runs one file at a time; loaders by the clock and by processor time."""
    def over(name, value):
        values = sorted(v for v in map(value, rounds) if v is not None)
        return {name: {"median": statistics.median(values), "min": values[0], "max": values[-1]}} if values else {}

    def cpu_rate(stage):
        return 1000 / stage["cpuMsPerImage"]

    def djpeg(stage, key):
        return lambda r: cpu_rate(r["xclr_1"][stage]) / r["djpeg"][key] if key in r.get("djpeg", {}) else None

    def torch(kind, rate, theirs):
        return lambda r: rate(r["xclr"]["loader"]) / r["torch_" + kind][theirs] if r["torch_" + kind] else None

    result = over("decode / djpeg", djpeg("decoding", "images_per_cpu_second"))
    result |= over("decode / djpeg on all in one picture", djpeg("decoding", "sheet_images_per_cpu_second"))
    result |= over("scaled decode / djpeg", djpeg("scaledDecoding", "images_per_cpu_second"))
    result |= over("scaled decode / djpeg on all in one picture", djpeg("scaledDecoding", "sheet_images_per_cpu_second"))
    result |= over("reading / decode on all workers", lambda r: r["xclr"]["reading"]["imagesPerSecond"] / r["xclr"]["decoding"]["imagesPerSecond"])
    result |= over("reading / decode, processor time", lambda r: cpu_rate(r["xclr"]["reading"]) / cpu_rate(r["xclr"]["decoding"]))
    for kind in ("simclr", "crop"):
        result |= over(f"loader / torch {kind}, clock", torch(kind, lambda s: s["imagesPerSecond"], "images_per_second"))
        result |= over(f"loader / torch {kind}, processor time", torch(kind, cpu_rate, "images_per_cpu_second"))
    result |= over("bytes allocated per image", lambda r: r["xclr"]["allocatedBytesPerImage"])
    return result


def cpu_name():
    with open("/proc/cpuinfo") as file:
        return next((line.split(":", 1)[1].strip() for line in file if line.startswith("model name")), platform.machine())


if __name__ == "__main__":
    main()

"""Reads and writes safetensors files with numpy alone."""
import json
import os
import struct

import numpy as np

TYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "<i1", "U8": "<u1", "BOOL": "?"}
NAMES = {np.dtype(v).str: k for k, v in TYPES.items()}


def read(path):
    """Returns ({name: array}, {metadata})."""
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        data = file.read()
    metadata = header.pop("__metadata__", {})
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        array = np.frombuffer(data[begin:end], dtype=TYPES[entry["dtype"]])
        tensors[name] = array.reshape(entry["shape"]).copy()
    return tensors, metadata


def write(path, tensors, metadata=None):
    """Writes {name: array}. Wide types come first, so that every tensor is aligned to its type."""
    arrays = {name: np.asarray(value, order="C") for name, value in tensors.items()}
    ordered = sorted(arrays.items(), key=lambda item: -item[1].dtype.itemsize)
    header, begin = {}, 0
    if metadata:
        header["__metadata__"] = {key: str(value) for key, value in metadata.items()}
    for name, array in ordered:
        end = begin + array.nbytes
        header[name] = {"dtype": NAMES[array.dtype.str], "shape": list(array.shape), "data_offsets": [begin, end]}
        begin = end
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for _, array in ordered:
            file.write(array.tobytes())

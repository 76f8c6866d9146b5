#!/usr/bin/env python3
"""What HDF5 filters gain on pictures, one picture a chunk: size and seconds. Needs h5py and Pillow.

    scripts/measure_compression.py PICTURE...    writes results/compression-COMMIT.json (never over one)
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import h5py
import numpy as np
from PIL import Image

SIZE = 512
FILTERS = {"none": {}, "deflate 1": {"compression": 1}, "deflate 1, shuffle": {"compression": 1, "shuffle": True},
           "deflate 4": {"compression": 4}, "deflate 6": {"compression": 6}, "deflate 9": {"compression": 9},
           "deflate 9, shuffle": {"compression": 9, "shuffle": True}, "lzf": {"compression": "lzf"}}


def load(path):
    picture = Image.open(path).convert("RGB")
    scale = SIZE / min(picture.size)
    picture = picture.resize([max(SIZE, round(side * scale)) for side in picture.size], Image.LANCZOS)
    return np.asarray(picture.crop((0, 0, SIZE, SIZE)))


def measure(pictures, options):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.h5"
        writing, reading = [], []
        for _ in range(5):
            start = time.perf_counter()
            with h5py.File(path, "w") as file:
                images = file.create_dataset("images", pictures.shape, "u1", chunks=(1, *pictures.shape[1:]), **options)
                for i, picture in enumerate(pictures):
                    images[i] = picture
            writing.append(time.perf_counter() - start)
            start = time.perf_counter()
            with h5py.File(path, "r") as file:
                for i in range(len(pictures)):
                    file["images"][i]
            reading.append(time.perf_counter() - start)
        return {"size": os.path.getsize(path) / pictures.nbytes,
                "write_ms_a_picture": 1e3 * statistics.median(writing) / len(pictures),
                "read_ms_a_picture": 1e3 * statistics.median(reading) / len(pictures)}


def main():
    pictures = np.stack([load(path) for path in sys.argv[1:]])
    commit = subprocess.check_output(["git", "rev-parse", "--short", "HEAD"], text=True).strip()
    cpu = next(line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name"))
    report = {"what": f"HDF5 filters on {len(pictures)} photographs of {SIZE}x{SIZE}, one a chunk; size is of the raw pixels; "
                      "medians of 5",
              "command": "scripts/measure_compression.py " + " ".join(Path(p).name for p in sys.argv[1:]),
              "commit": commit, "machine": cpu, "hdf5": h5py.version.hdf5_version,
              "filters": {name: measure(pictures, options) for name, options in FILTERS.items()}}
    result = Path("results") / f"compression-{commit}.json"
    with open(result, "x") as file:
        file.write(json.dumps(report, indent=2) + "\n")
    for name, figures in report["filters"].items():
        print(f"{name:20}", "  ".join(f"{key} {value:.3f}" for key, value in figures.items()))


main()

"""Pictures with captions as a dataset that ditmesh reads (src/dataset/FORMAT.md), without a model. Needs h5py."""

import hashlib
import json
from pathlib import Path

import h5py
import numpy as np

STATUS = h5py.enum_dtype({"missing": 0, "done": 1, "failed": 2}, basetype="u1")
TEXT = h5py.string_dtype()
# Columns of /samples, their types and units.
COLUMNS = {
    "id": (TEXT, "text (UTF-8)"), "prompt": (TEXT, "text (UTF-8)"), "negative_prompt": (TEXT, "text (UTF-8)"),
    "row": ("<i8", "row of the manifest, from 0"), "copy": ("<i4", "copy of the row, from 0"),
    "seed": ("<i8", "seed of the noise, 0 to 2^32-1"), "steps": ("<i4", "denoising steps"), "guidance": ("<f4", "1"),
    "true_cfg": ("<f4", "1"), "status": (STATUS, "missing 0, done 1, failed 2"), "error": (TEXT, "text (UTF-8)"),
    "sha256": ("S64", "hexadecimal SHA-256 of the pixels as they were made"), "device_seconds": ("<f4", "s"),
    "attempt": ("<i4", "attempt of job.json that made the sample, from 1"),
    "bucket": ("S32", "name of the group with the pixels, HEIGHTxWIDTH in px"),
    "index_in_bucket": ("<i8", "row of the bucket, from 0"), "shard": ("S32", "name of the link in /by_shard"),
    "index_in_shard": ("<i8", "row of the bucket in the shard, from 0"),
}


def samples_of(pictures):
    """A row of /samples for each (id, prompt, pixels); all pictures of a size go to one shard."""
    rows, counts = [], {}
    for number, (name, prompt, pixels) in enumerate(pictures):
        bucket = f"{pixels.shape[0]}x{pixels.shape[1]}"
        place = counts.setdefault(bucket, 0)
        counts[bucket] += 1
        rows.append({"id": name, "prompt": prompt, "negative_prompt": "", "row": number, "copy": 0, "seed": number, "steps": 1,
                     "guidance": 0, "true_cfg": 1, "status": 1, "error": "", "device_seconds": 0, "attempt": 1,
                     "sha256": hashlib.sha256(pixels.tobytes()).hexdigest(), "bucket": bucket, "index_in_bucket": place,
                     "shard": f"{bucket}-000000", "index_in_shard": place})
    return rows


def write_samples(file, rows):
    file.attrs["format_version"] = np.int64(1)
    file.attrs["image_format"] = "raw"
    group = file.create_group("samples")
    for name, (kind, units) in COLUMNS.items():
        values = [row[name] for row in rows]
        column = group.create_dataset(name, (len(rows),), kind, chunks=(max(1, min(len(rows), 65536)),), shuffle=True,
                                      compression=1)
        column[:] = values if kind is TEXT else np.array(values, dtype=column.dtype)
        column.attrs["axes"], column.attrs["units"] = "sample", units


def write_bucket(file, bucket, rows):
    group = file.create_group(bucket)
    group.attrs["height"], group.attrs["width"] = map(np.int64, bucket.split("x"))
    numbers = group.create_dataset("row", data=np.array([row["row"] for row in rows], "<i8"))
    numbers.attrs["axes"], numbers.attrs["units"] = "sample", "row of the manifest, from 0"
    return group


def content_hash(rows):
    digest = hashlib.sha256()
    for row in rows:
        line = json.dumps([row["id"], row["copy"], row["sha256"]], ensure_ascii=False, separators=(",", ":"))
        digest.update(line.encode() + b"\n")
    return digest.hexdigest()


def write_dataset(folder, pictures):
    """pictures: a list of (id, prompt, uint8 pixels [H, W, 3])."""
    folder = Path(folder)
    (folder / "shards").mkdir(parents=True)
    rows = samples_of(pictures)
    with h5py.File(folder / "dataset.h5", "w") as index:
        write_samples(index, rows)
        index.attrs["content_hash"] = content_hash(rows)
        links = index.create_group("by_shard")
        for bucket in dict.fromkeys(row["bucket"] for row in rows):
            chosen = [row for row in rows if row["bucket"] == bucket]
            shard = chosen[0]["shard"]
            links[shard] = h5py.ExternalLink(f"shards/{shard}.h5", "/")
            group = write_bucket(index, bucket, chosen)
            group.attrs["num_shards"], group.attrs["pixels_are_in"] = np.int64(1), "the shards: follow /by_shard"
            with h5py.File(folder / "shards" / f"{shard}.h5", "w") as file:
                write_samples(file, chosen)
                shape = pictures[chosen[0]["row"]][2].shape
                images = write_bucket(file, bucket, chosen).create_dataset("images", (len(chosen), *shape), "u1",
                                                                           chunks=(1, *shape), compression=1)
                images.attrs["axes"] = "sample, height, width, channel (red, green, blue)"
                images.attrs["units"] = "sRGB, 0 to 255"
                for place, row in enumerate(chosen):
                    images[place] = pictures[row["row"]][2]

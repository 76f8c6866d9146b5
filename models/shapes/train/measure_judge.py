#!/usr/bin/env python3
"""How often `ditmesh score` is right about drawn scenes: true ones, ones with one thing wrong, and true ones made worse.

Where the judge draws its line was chosen by these sorts alone, with other seeds than the figures in results/: outlines as
an unsteady hand draws them still show the shape, a shape that a quarter was bitten off does not.

    measure_judge.py --each 1000 --seed 1 --binary build/release/bin/ditmesh

Prints a table with 95 % intervals and writes results/judge-COMMIT.json (never over one). Exit code 1 if a goal is missed.
Needs numpy, torch and h5py. Pictures have the three sizes of scenes.py, in its shares.
"""

import argparse
import copy
import json
import math
import platform
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

import results
from drawn_dataset import write_dataset
from scenes import COLOURS, REACH, SHAPES, distance, draw_scenes, grid, make_scenes, make_wrong_scene, spot

ATTRIBUTES = ("colour", "shape", "size", "order")  # of make_wrong_scene


def box_blur(picture, side=9):
    """The mean of the side x side pixels around each; the border is repeated outwards."""
    height, width = picture.shape[:2]
    padded = np.pad(picture.astype(np.int64), ((side // 2,) * 2, (side // 2,) * 2, (0, 0)), mode="edge")
    total = sum(padded[dy:dy + height, dx:dx + width] for dy in range(side) for dx in range(side))
    return np.rint(total / side**2).astype(np.uint8)


def mosaic(picture, side=8):
    """Each block of side x side pixels in its mean colour."""
    height, width = picture.shape[:2]
    blocks = picture.reshape(height // side, side, width // side, side, 3).mean((1, 3)).round().astype(np.uint8)
    return blocks.repeat(side, 0).repeat(side, 1)


def soften(picture, noise, sigma=0.6, noise_sigma=2):
    """About what an autoencoder leaves of a picture: Gaussian blur, then Gaussian noise."""
    offsets = range(-3, 4)
    weights = np.exp(-np.square(offsets) / (2 * sigma**2))
    weights /= weights.sum()
    soft = picture.astype(float)
    for axis in (0, 1):
        padded = np.pad(soft, [(3, 3) if a == axis else (0, 0) for a in range(3)], mode="edge")
        soft = sum(w * np.take(padded, range(3 + d, 3 + d + picture.shape[axis]), axis) for w, d in zip(weights, offsets))
    return np.clip(np.rint(soft + noise.normal(0, noise_sigma, picture.shape)), 0, 255).astype(np.uint8)


def by_hand(picture, noise, sway=1.2, step=16):
    """As an unsteady hand draws it: every point swayed by about `sway` pixels, alike within `step` pixels; stretched by some percent."""
    height, width = picture.shape[:2]
    coarse = torch.from_numpy(noise.normal(0, sway, (1, 2, height // step + 2, width // step + 2))).float()
    moves = F.interpolate(coarse, (height, width), mode="bicubic", align_corners=True)[0]
    y, x = grid(height, width)
    stretch_x, stretch_y = noise.uniform(0.95, 1.05, 2)
    x, y = width / 2 + (x - width / 2) * stretch_x + moves[0], height / 2 + (y - height / 2) * stretch_y + moves[1]
    where = torch.stack([2 * x / width - 1, 2 * y / height - 1], -1)[None].float()
    image = torch.from_numpy(picture).permute(2, 0, 1)[None].float()
    return F.grid_sample(image, where, padding_mode="border", align_corners=False)[0].permute(1, 2, 0).round().byte().numpy()


def bitten(scene, rng, share=0.25):
    """The scene's picture with a round bite out of one of its shapes that takes at least `share` of its area."""
    chosen = rng.randrange(len(scene["objects"]))
    o, (height, width) = scene["objects"][chosen], scene["size"]
    whole, without = draw_scenes([scene, {**scene, "objects": [p for i, p in enumerate(scene["objects"]) if i != chosen]}])
    y, x = grid(height, width)
    far = distance(o["shape"], x - o["x"], y - o["y"], o["radius"])
    edge = (far.abs() < 0.5).nonzero()
    at = edge[rng.randrange(len(edge))]
    from_bite = torch.hypot(y - y[at[0], 0], x - x[0, at[1]])
    inside = from_bite[far < 0].sort().values
    bite = (from_bite <= inside[int(share * len(inside))]).numpy()
    return np.where(bite[..., None], without, whole)


def changed(scene, how, rng):
    """A copy of the scene with a shape missing, one too many, one drawn twice, one covered by a quarter; None if it cannot be."""
    scene = copy.deepcopy(scene)
    objects, picture = scene["objects"], scene["size"]
    chosen = rng.randrange(len(objects))
    if how == "missing":
        del objects[chosen]
        return scene if objects else None
    if how == "background":
        used = {o["colour"] for o in objects} | {scene["background"]}
        scene["background"] = rng.choice([c for c in COLOURS if c not in used])
        return scene if scene["said"]["background"] else None
    another = copy.deepcopy(objects[chosen])
    if how == "covered":  # the other moves over it, from where it is
        if len(objects) < 2:
            return None
        hidden, over = objects[chosen], objects[chosen - 1]
        objects.sort(key=lambda o: o is over)  # drawn last
        y, x = grid(*picture)
        inside = distance(hidden["shape"], x - hidden["x"], y - hidden["y"], hidden["radius"]) < 0
        start = (over["x"], over["y"])
        for share in np.linspace(0, 1, 60):
            over["x"], over["y"] = (a + share * (b - a) for a, b in zip(start, (hidden["x"], hidden["y"])))
            covered = distance(over["shape"], x - over["x"], y - over["y"], over["radius"]) < 0
            if (inside & covered).sum() >= 0.25 * inside.sum():
                return scene
        return None
    if how == "too many":
        another.update(shape=rng.choice(SHAPES), colour=rng.choice([c for c in COLOURS if c not in {o["colour"] for o in objects} | {scene["background"]}]))
    for _ in range(200):
        another["x"], another["y"] = spot(rng, picture, another["radius"])
        if all(math.hypot(o["x"] - another["x"], o["y"] - another["y"]) > REACH * (o["radius"] + another["radius"]) + 3 for o in objects):
            objects.append(another)
            return scene if len(objects) <= 3 else None  # as many as drawing takes
    return None


def drawn(made):
    return [(text, picture) for (text, _), picture in zip(made, draw_scenes([scene for _, scene in made]))]


def wrong(each, seed, attribute):
    """`each` scenes with one thing wrong; in some scenes nothing of the kind can be."""
    rng, made = random.Random(f"{attribute} {seed}"), []
    for text, scene in make_scenes(4 * each, f"{attribute} {seed}"):
        denied = make_wrong_scene(scene, attribute, rng) if attribute in ATTRIBUTES else changed(scene, attribute, rng)
        if denied and len(made) < each:
            made.append((text, denied))
    if len(made) < each:
        sys.exit(f"only {len(made)} of {each} scenes with a wrong {attribute} were found")
    return drawn(made)


def sorts(each, seed):
    """Name, the goal (at least this share; yes or no) and pictures with captions, one sort after the other."""
    true = drawn(make_scenes(each, f"judge {seed}"))
    noise = np.random.default_rng(seed)
    yield "true", True, 0.98, true
    yield "true, shape-colour pairs kept from training", True, 0.98, drawn(make_scenes(each, f"judge {seed}", "unseen-pairs"))
    yield "true, blur of sigma 0.6 px and noise of sigma 2/255", True, 0.97, [(t, soften(p, noise)) for t, p in true]
    yield "true, by an unsteady hand", True, 0.97, [(t, by_hand(p, noise)) for t, p in true]
    for attribute in (*ATTRIBUTES, "background"):
        yield f"wrong {attribute}", False, 0.97, wrong(each, seed, attribute)
    for attribute, name in (("missing", "a shape missing"), ("too many", "a shape too many"), ("twice", "a shape drawn twice")):
        yield name, False, 0.97, wrong(each, seed, attribute)
    yield "a quarter of a shape covered by another", False, 0.95, wrong(each, seed, "covered")
    rng = random.Random(f"bites {seed}")
    yield "a quarter bitten off a shape", False, 0.95, [(t, bitten(s, rng)) for t, s in make_scenes(each, f"judge {seed}")]
    yield "true, 9x9 box blur", False, 0.95, [(t, box_blur(p)) for t, p in true]
    yield "true, 8x8 mosaic", False, 0.95, [(t, mosaic(p)) for t, p in true]


def score(binary, folder):
    start = time.perf_counter()
    text = subprocess.run([binary, "score", str(folder), "--json"], check=True, capture_output=True, text=True).stdout
    return json.loads(text), time.perf_counter() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--each", type=int, default=1000, metavar="N", help="scenes of each sort")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--binary", default=str(results.ROOT / "build/release/bin/ditmesh"))
    parser.add_argument("--to", type=Path, help="default: results/judge-COMMIT.json")
    args = parser.parse_args()
    to = results.new_file("judge", args.to)
    rows, all_reached = [], True
    print(f"{'sort':52} {'said':5} {'share':>8}   95 % interval      goal")
    for name, says_yes, goal, pictures in sorts(args.each, args.seed):
        with tempfile.TemporaryDirectory() as folder:
            write_dataset(Path(folder) / "drawn", [(f"{i:06}", text, picture) for i, (text, picture) in enumerate(pictures)])
            found, seconds = score(args.binary, Path(folder) / "drawn")
        right = found["right"]
        share, low, high = ((right["share"], right["low"], right["high"]) if says_yes
                            else (1 - right["share"], 1 - right["high"], 1 - right["low"]))
        reached = share >= goal and right["total"] == len(pictures)
        all_reached &= reached
        print(f"{name:52} {'yes' if says_yes else 'no':5} {share:8.2%}   {low:7.2%} to {high:7.2%}   {goal:.0%}"
              f"{'' if reached else '  MISSED'}", flush=True)
        rows.append({"sort": name, "right_is": "yes" if says_yes else "no", "pictures": right["total"], "share": share,
                     "low": low, "high": high, "goal": goal, "not_understood": found["not_understood"],
                     "aspects_that_hold": {aspect: each["share"] for aspect, each in found["aspects"].items()},
                     "ms_a_picture": 1e3 * seconds / len(pictures)})
    cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.machine())
    report = {"what": "what ditmesh score says of drawn scenes; intervals of 95 % (Wilson)",
              "command": f"models/shapes/train/measure_judge.py --each {args.each} --seed {args.seed}", "commit": results.commit(),
              "machine": cpu, "sorts": rows}
    to.write_text(json.dumps(report, indent=2) + "\n")
    print(f"written: {to}")
    sys.exit(0 if all_reached else 1)


if __name__ == "__main__":
    main()

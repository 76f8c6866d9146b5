#!/usr/bin/env python3
"""Writes what the tests of `score` compare with: captions, distances and constants of models/shapes/train/scenes.py.

    make_fixtures.py                                   captions.jsonl and scenes.json beside this file
    make_fixtures.py --check                           fails unless those files are what it would write
    make_fixtures.py --captions 8000 --to FILE         more captions: DITMESH_TEST_CAPTIONS=FILE test_score checks them
"""

import argparse
import json
import sys
from pathlib import Path

import torch

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "models/shapes/train"))
import scenes  # noqa: E402

KINDS = ["training", "held-out", "unseen-pairs"]
POINTS = [(0, 0), (3, -11), (-9, 4), (15.5, 15.5), (-20, -18), (0, 22), (26, 0.5), (1, -30), (-14, 17)]  # x, y


def caption_lines(count, seed):
    for kind in KINDS:
        for text, scene in scenes.make_scenes(count, seed, kind):
            said = scene["said"]
            objects = [[size, o["colour"], o["shape"]] for size, o in zip(said["sizes"], scene["objects"])]
            yield json.dumps({"caption": text, "objects": objects, "relations": said["relations"], "place": said["place"],
                              "background": said["background"]})


def distances():
    for shape in scenes.SHAPES:
        for radius in (21.0, 40.0):
            for x, y in POINTS:
                d = scenes.distance(shape, torch.tensor(float(x)), torch.tensor(float(y)), torch.tensor(radius))
                yield [shape, x, y, radius, round(float(d), 4)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--captions", type=int, default=120, metavar="N", help="of each kind")
    parser.add_argument("--to", type=Path)
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args()
    lines = "\n".join(caption_lines(args.captions, 11)) + "\n"
    if args.to:
        args.to.write_text(lines)
        return
    constants = {"colours": scenes.COLOURS, "sizes": scenes.SIZES, "places": scenes.PLACES, "gradient": scenes.GRADIENT}
    rows = ",\n  ".join(json.dumps(row) for row in distances())
    texts = {"captions.jsonl": lines, "scenes.json": json.dumps(constants)[:-1] + f',\n "distances": [\n  {rows}\n]}}\n'}
    for name, text in texts.items():
        if not args.check:
            (HERE / name).write_text(text)
        elif (HERE / name).read_text() != text:
            sys.exit(f"tests/score/{name} is not what models/shapes/train/scenes.py makes: run tests/score/make_fixtures.py")


if __name__ == "__main__":
    main()

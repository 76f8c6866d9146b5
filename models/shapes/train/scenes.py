#!/usr/bin/env python3
"""Scenes of coloured shapes: drawn as signed distances, told in plain English.

    scenes.py --held-out 500 --seed 1 --to captions.jsonl    prompts whose combinations training never sees
    scenes.py --unseen-pairs 100 --seed 1 --to pairs.jsonl   prompts with the shape-colour pairs kept apart
    scenes.py --training 32 --seed 1 --draw pictures         pictures and a contact sheet to look at
    scenes.py --wrong 100 --seed 1 --to w.jsonl --draw DIR   pictures that contradict their caption in one thing

The caption decides what must be seen: sizes, places, orders and backgrounds it does not mention are free.
"""

import argparse
import copy
import hashlib
import json
import math
import random
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

SHAPES = ["circle", "square", "triangle", "star", "diamond", "cross", "ring"]
COLOURS = {
    "red": (220, 35, 35), "orange": (250, 145, 20), "yellow": (250, 225, 50), "green": (40, 160, 60),
    "cyan": (70, 210, 220), "blue": (40, 75, 220), "purple": (130, 45, 165), "pink": (250, 150, 195),
    "white": (245, 245, 245), "black": (20, 20, 20),
}
# Radii as shares of the picture's scale, the root of its area. The gaps keep the three words apart.
SIZES = {"small": (0.085, 0.10), "medium": (0.13, 0.15), "large": (0.20, 0.23)}
PICTURES = [(256, 256), (192, 320), (320, 192)]  # height, width
PICTURE_SHARES = [0.6, 0.2, 0.2]
COUNT_SHARES = [0.30, 0.45, 0.25]  # of scenes with one, two, three objects
REACH = 1.15  # no shape reaches further from its centre than REACH radii
GRADIENT = 0.12  # the background is lighter and darker by so much of 255 at most, towards the corners
MARGIN = 0.01  # around each shape, as a share of the picture's scale
# Where a place puts a centre: ranges of x and y as shares of width and height.
LOW, MIDDLE, HIGH = (0.0, 0.33), (0.43, 0.57), (0.67, 1.0)
PLACES = {
    "centre": (MIDDLE, MIDDLE), "left": (LOW, MIDDLE), "right": (HIGH, MIDDLE), "top": (MIDDLE, LOW),
    "bottom": (MIDDLE, HIGH), "top left": (LOW, LOW), "top right": (HIGH, LOW), "bottom left": (LOW, HIGH),
    "bottom right": (HIGH, HIGH),
}
UNSEEN_PAIRS = {("star", "purple"), ("ring", "green"), ("cross", "orange"), ("triangle", "cyan")}
OPPOSITE = {"left": "right", "above": "below"}

# --- what is seen in training -------------------------------------------------------------------------------------


@lru_cache(maxsize=200_000)
def in_held_out_share(key):
    return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=4).digest(), "big") % 100 < 5


def keys(scene):
    """The scene's combinations, the same whichever way round the caption tells them."""
    names = [f"{o['colour']} {o['shape']}" for o in scene["objects"]]
    if len(names) == 1:
        return [f"{names[0]} | {scene['drawn_place']}"]
    found = [f"{names[a]} | {relation} | {names[b]}" for a, relation, b in scene["drawn_relations"]]
    return found + ([" || ".join(found)] if len(names) == 3 else [])


def is_held_out(scene):
    return any(in_held_out_share(key) for key in keys(scene))


def has_unseen_pair(scene):
    return any((o["shape"], o["colour"]) in UNSEEN_PAIRS for o in scene["objects"])


# --- scenes -------------------------------------------------------------------------------------------------------
# A scene is a dict that JSON can hold:
#   size [height, width]; objects [{shape, colour, size, x, y, radius}] in pixels; background; gradient
#   drawn_relations [[a, "left" or "above", b]] and drawn_place: what the picture shows
#   said: {relations, place, sizes (per object, or null), background}: what the caption tells, made by caption()


def scale_of(picture):
    return math.sqrt(picture[0] * picture[1])


def spot(rng, picture, radius, place=None):
    """A centre that keeps the shape inside the picture, or None."""
    height, width = picture
    margin = REACH * radius + MARGIN * scale_of(picture)
    (x0, x1), (y0, y1) = place or ((0, 1), (0, 1))
    x0, x1 = max(x0 * width, margin), min(x1 * width, width - margin)
    y0, y1 = max(y0 * height, margin), min(y1 * height, height - margin)
    return (rng.uniform(x0, x1), rng.uniform(y0, y1)) if x0 < x1 and y0 < y1 else None


def holds(relation, a, b, gap):
    """Whether a is clearly left of (or above) b, and more so than it is above or below (or beside) it."""
    along, across = (b["x"] - a["x"], b["y"] - a["y"]) if relation == "left" else (b["y"] - a["y"], b["x"] - a["x"])
    return along >= REACH * (a["radius"] + b["radius"]) + gap and abs(across) <= 0.7 * along


def other(axis):
    return "above" if axis == "left" else "left"


def draw_layout(rng, count):
    """The relations to draw: one for a pair; for three a row, a column, or two and one beside both."""
    axis = rng.choice(["left", "above"])
    if count == 2:
        return [[0, axis, 1]]
    if rng.random() < 0.6:
        return [[0, axis, 1], [1, axis, 2]]
    third = [[0, other(axis), 2], [1, other(axis), 2]]
    if rng.random() < 0.5:
        third = [[2, other(axis), 0], [2, other(axis), 1]]
    return [[0, axis, 1], *third]


def put_triple(rng, picture, objects, relations):
    """Positions for a row, a column or two and one: drawn along the axis, so that few tries fail."""
    axis = relations[0][1]
    x, y, long, wide = ("x", "y", picture[1], picture[0]) if axis == "left" else ("y", "x", picture[0], picture[1])
    a, b, c = objects
    reach = [REACH * o["radius"] + MARGIN * scale_of(picture) for o in objects]
    if relations[1][1] == axis:
        slack = long - 2 * sum(reach)
        if slack < 0:
            return False
        cuts = sorted(rng.uniform(0, slack) for _ in range(3))
        middle = rng.uniform(0.35, 0.65) * wide
        for i, o in enumerate(objects):
            o[x] = cuts[i] + 2 * sum(reach[:i]) + reach[i]
            o[y] = middle + rng.uniform(-0.1, 0.1) * wide
    else:
        slack, slack_across = long - 2 * (reach[0] + reach[1]), wide - 2 * (max(reach[:2]) + reach[2])
        if slack < 0 or slack_across < 0:
            return False
        cuts, first = sorted(rng.uniform(0, slack) for _ in range(2)), rng.uniform(0, slack_across)
        a[x], b[x] = cuts[0] + reach[0], cuts[1] + 2 * reach[0] + reach[1]
        a[y] = first + max(reach[:2])
        b[y] = a[y]
        c[x] = 0.5 * (a[x] + b[x]) + rng.uniform(-0.15, 0.15) * (b[x] - a[x])
        c[y] = rng.uniform(first, slack_across) + 2 * max(reach[:2]) + reach[2]
        if relations[1][0] == 2:
            for o in objects:
                o[y] = wide - o[y]
    return all(reach[i] <= o["x"] <= picture[1] - reach[i] and reach[i] <= o["y"] <= picture[0] - reach[i]
               for i, o in enumerate(objects))


def draw_scene(rng, picture=None, counts=COUNT_SHARES):
    picture = picture or rng.choices(PICTURES, PICTURE_SHARES)[0]
    count = rng.choices([1, 2, 3], counts)[0]
    colours = rng.sample(list(COLOURS), count + 1)
    scale = scale_of(picture)
    layout = draw_layout(rng, count) if count > 1 else []
    place = rng.choice(list(PLACES))
    looks = [{"shape": rng.choice(SHAPES), "colour": colours[i]} for i in range(count)]
    while True:  # sizes that do not fit are drawn anew
        objects = []
        for look in looks:
            size = rng.choice(list(SIZES))
            objects.append({**look, "size": size, "radius": rng.uniform(*SIZES[size]) * scale, "x": 0.0, "y": 0.0})
        if count == 1:
            found = spot(rng, picture, objects[0]["radius"], PLACES[place])
            fits = found is not None
            if fits:
                objects[0]["x"], objects[0]["y"] = found
        elif count == 2:
            for _ in range(40):
                for o in objects:
                    o["x"], o["y"] = spot(rng, picture, o["radius"])
                if fits := holds(layout[0][1], *objects, 0.03 * scale):
                    break
        else:
            fits = put_triple(rng, picture, objects, layout)
        if fits:
            break
    for o in objects:
        for key in ("x", "y", "radius"):
            o[key] = round(o[key], 2)
    return {"size": list(picture), "objects": objects, "background": colours[-1],
            "gradient": [round(rng.uniform(-GRADIENT, GRADIENT), 3) for _ in range(2)],
            "drawn_relations": layout, "drawn_place": place if count == 1 else None}


# --- captions -----------------------------------------------------------------------------------------------------

SIDE = {"left": ["to the left of", "left of", "on the left of"], "right": ["to the right of", "right of", "on the right of"],
        "above": ["above", "above", "over"], "below": ["below", "below", "under"]}
BOTH = {"left": "to the left of both", "right": "to the right of both", "above": "above both", "below": "below both"}
PLACE_WORDS = {
    "centre": ["in the centre", "in the middle", "in the center"], "left": ["on the left", "on the left side"],
    "right": ["on the right", "on the right side"], "top": ["at the top"], "bottom": ["at the bottom"],
    **{f"{v} {h}": [f"in the {v} {h} corner", f"in the {v} {h}", f"at the {v} {h}"]
       for v in ("top", "bottom") for h in ("left", "right")},
}
OPENINGS = ["", "", "", "", "", "a picture of ", "an image of ", "there is "]


def article(words):
    return ("an " if words[0] in "aeiou" else "a ") + words


def ground(rng, background):
    """What follows the objects, and whether it tells the background."""
    if rng.random() < 0.3:
        return ""
    return rng.choice([" on {}", " on {}", " on {}", " against {}", ", with {}"]).format(article(background + " background"))


def caption(scene, rng):
    """A caption, and in scene["said"] what it tells."""
    objects = scene["objects"]
    sizes = [o["size"] if rng.random() < 0.45 else None for o in objects]
    names = [article(" ".join(filter(None, [size, o["colour"], o["shape"]]))) for o, size in zip(objects, sizes)]
    said = {"sizes": sizes, "place": None, "relations": []}
    layout = scene["drawn_relations"]
    opening = rng.choice(OPENINGS)
    tail = ground(rng, scene["background"])
    if len(objects) == 1:
        body = names[0]
        if rng.random() < 0.8:
            said["place"] = scene["drawn_place"]
            place = rng.choice(PLACE_WORDS[scene["drawn_place"]])
            body, tail = (body + tail + ", " + place, "") if tail and tail[0] == " " and rng.random() < 0.25 else (f"{body} {place}", tail)
    elif rng.random() < 0.08:  # only what is there, as one reads the picture; told in any order it could lie in any
        body = " and ".join([", ".join(names[:-1]), names[-1]])
    elif len(objects) == 2:
        said["relations"] = layout
        body = pair(rng, names, layout[0][1])
        if " is " in body:
            opening = ""
    else:
        said["relations"] = layout
        axis = layout[0][1]
        body = line(rng, names, axis) if layout[1][1] == axis else two_and_one(rng, names, axis, layout[1])
    if body.startswith("from ") or (opening == "there is " and "," in body):
        opening = ""
    text = opening + body + tail
    if text.endswith(" background") and "," not in text and rng.random() < 0.06:
        head, _, end = text.partition(tail)
        text = f"{tail.strip()}, {head}{end}"
    said["background"] = scene["background"] if "background" in text else None
    if rng.random() < 0.1:
        text = text[0].upper() + text[1:]
    if rng.random() < 0.1:
        text += "."
    scene["said"] = said
    return text


def relate(rng, axis, forwards):
    return rng.choice(SIDE[axis if forwards else OPPOSITE[axis]])


def pair(rng, names, axis):
    forwards = rng.random() < 0.5
    a, b = names if forwards else names[::-1]
    relation = relate(rng, axis, forwards)
    form = rng.random()
    if form < 0.5:
        return f"{a} {relation} {b}"
    if form < 0.65:
        return f"{a} is {relation} {b}"
    if form < 0.8:
        return f"{b} with {a} {relation} it"
    first, last = ("on the left", "on the right") if axis == "left" else ("at the top", "at the bottom")
    return f"{a} {first if forwards else last} and {b} {last if forwards else first}"


def line(rng, names, axis):
    """Three in a row or a column."""
    forwards = rng.random() < 0.5
    a, b, c = names if forwards else names[::-1]
    first, last = ("left", "right") if axis == "left" else ("top", "bottom")
    if not forwards:
        first, last = last, first
    form = rng.random()
    if form < 0.35:
        return f"{a}, {b} and {c} {'in a row ' if axis == 'left' else ''}from {first} to {last}"
    if form < 0.6:
        return f"from {first} to {last}: {a}, {b} and {c}"
    if form < 0.8:
        word = "on" if axis == "left" else "at"
        return f"{a} {word} the {first}, {b} in the middle and {c} {word} the {last}"
    relation = relate(rng, axis, forwards)
    return f"{a} {relation} {b}, which is {relation} {c}"


def two_and_one(rng, names, axis, second):
    forwards = rng.random() < 0.5
    a, b = names[:2] if forwards else names[1::-1]
    across = second[1] if second[0] == 2 else OPPOSITE[second[1]]
    return f"{a} {relate(rng, axis, forwards)} {b}, {rng.choice(['and', 'with'])} {names[2]} {BOTH[across]}"


# --- sets of scenes -----------------------------------------------------------------------------------------------


def make_scenes(count, seed, kind="training", picture=None, counts=COUNT_SHARES):
    """(caption, scene) pairs. kind: training, held-out, unseen-pairs."""
    rng = random.Random(f"{kind} {seed}")
    made = []
    while len(made) < count:
        scene = draw_scene(rng, picture, counts)
        if kind == "unseen-pairs":
            shape, colour = rng.choice(sorted(UNSEEN_PAIRS))
            used = [o["colour"] for o in scene["objects"]] + [scene["background"]]
            if colour in used:
                continue
            scene["objects"][rng.randrange(len(scene["objects"]))].update(shape=shape, colour=colour)
        elif has_unseen_pair(scene) or is_held_out(scene) != (kind == "held-out"):
            continue
        text = caption(scene, rng)
        made.append((text, scene))
    return made


def make_wrong_scene(scene, attribute, rng):
    """The scene with one thing that its caption denies: a colour, a shape, a size or the order. None if it tells none."""
    wrong = copy.deepcopy(scene)
    objects, said = wrong["objects"], scene["said"]
    chosen = rng.randrange(len(objects))
    if attribute == "colour":
        used = {o["colour"] for o in objects} | {wrong["background"]}
        objects[chosen]["colour"] = rng.choice([c for c in COLOURS if c not in used])
    elif attribute == "shape":
        objects[chosen]["shape"] = rng.choice([s for s in SHAPES if s != objects[chosen]["shape"]])
    elif attribute == "size":
        told = [i for i, size in enumerate(said["sizes"]) if size and size != "small"]
        if not told:
            return None
        smaller = {"large": "medium", "medium": "small"}  # a smaller shape fits where the larger one did
        o = objects[rng.choice(told)]
        o["size"] = smaller[o["size"]]
        o["radius"] = round(rng.uniform(*SIZES[o["size"]]) * scale_of(wrong["size"]), 2)
    else:
        if said["relations"]:  # two change places: what they look like goes, where and how large they are stays
            a, _, b = rng.choice(said["relations"])
            for key in ("shape", "colour"):
                objects[a][key], objects[b][key] = objects[b][key], objects[a][key]
        elif said["place"] and said["place"] != "centre":
            o, (height, width) = objects[0], wrong["size"]
            o["x"], o["y"] = width - o["x"], height - o["y"]
        else:
            return None
    return wrong


# --- drawing ------------------------------------------------------------------------------------------------------


def distance(shape, x, y, r):
    """Signed distances in pixels, negative inside, of the shape with radius r around 0."""
    if shape == "circle":
        return torch.hypot(x, y) - r
    if shape == "ring":
        return (torch.hypot(x, y) - 0.8 * r).abs() - 0.24 * r
    x, up = x.abs(), -y
    y = y.abs()
    if shape == "square":
        return torch.maximum(x, y) - 0.88 * r
    if shape == "diamond":
        return (x * 1.12 + y * 0.82 - 0.82 * 1.12 * r) / math.hypot(1.12, 0.82)
    if shape == "cross":
        long, thin = 1.0 * r, 0.34 * r
        return torch.minimum(torch.maximum(x - long, y - thin), torch.maximum(x - thin, y - long))
    if shape == "triangle":  # upright, its centre of mass a little below 0
        up = up + 0.2 * r
        return torch.maximum(-up - 0.58 * r + 0.2 * r, (x * 2 + up - 1.12 * r - 0.2 * r) / math.sqrt(5))
    # Star: five mirrored sectors, in each one straight edge from the tip to the notch.
    sector = torch.remainder(torch.atan2(x, up) + math.pi / 5, 2 * math.pi / 5) - math.pi / 5
    length = torch.hypot(x, up)
    along, aside = length * torch.cos(sector), length * torch.sin(sector).abs()
    tip, notch = 1.15, 0.5
    notch_x, notch_y = notch * math.cos(math.pi / 5), notch * math.sin(math.pi / 5)
    norm = math.hypot(notch_y, tip - notch_x)
    return ((along - tip * r) * notch_y + aside * (tip - notch_x)) / norm


def pack(scenes):
    """The numbers that drawing needs, as one float tensor [N, 3, 7] (x, y, radius, shape, r, g, b) and the grounds [N, 5]."""
    rows, grounds = np.zeros((len(scenes), 3, 7), np.float32), np.zeros((len(scenes), 5), np.float32)
    for i, scene in enumerate(scenes):
        for j, o in enumerate(scene["objects"]):
            rows[i, j] = (o["x"], o["y"], o["radius"], SHAPES.index(o["shape"]), *COLOURS[o["colour"]])
        grounds[i] = (*COLOURS[scene["background"]], *scene["gradient"])
    return torch.from_numpy(rows), torch.from_numpy(grounds)


def grid(height, width, step=1, device="cpu"):
    """The y and x, in pixels, of the centres of squares of `step` pixels."""
    y, x = torch.arange(0, height, step, device=device) + step / 2, torch.arange(0, width, step, device=device) + step / 2
    return torch.meshgrid(y, x, indexing="ij")


def draw(rows, grounds, picture, window=None, corners=None):
    """Pictures of one size, [N, 3, H, W] in 0..1, on the tensors' device; or of each a window with its corner [N, 2] (y, x)."""
    height, width = picture
    y, x = (t[None] for t in grid(*(window or picture), device=rows.device))
    if window:
        y, x = y + corners[:, :1, None], x + corners[:, 1:, None]
    y, x = y.expand(len(rows), -1, -1), x.expand(len(rows), -1, -1)
    colour, slope = grounds[:, :3, None, None] / 255, grounds[:, 3:, None, None]
    image = (colour + slope[:, :1] * (x / width - 0.5)[:, None] + slope[:, 1:] * (y / height - 0.5)[:, None]).clamp(0, 1)
    for j in range(rows.shape[1]):
        for number, shape in enumerate(SHAPES):
            chosen = ((rows[:, j, 3] == number) & (rows[:, j, 2] > 0)).nonzero()[:, 0]
            if len(chosen) == 0:
                continue
            o = rows[chosen, j, :, None, None]
            cover = (0.5 - distance(shape, x[chosen] - o[:, 0], y[chosen] - o[:, 1], o[:, 2])).clamp(0, 1)[:, None]
            image[chosen] = image[chosen] * (1 - cover) + cover * o[:, 4:7] / 255
    return image


def draw_scenes(scenes, device="cpu"):
    """Pictures as uint8 arrays [H, W, 3], whatever their sizes."""
    pictures = []
    for scene in scenes:
        rows, grounds = pack([scene])
        image = draw(rows.to(device), grounds.to(device), scene["size"])[0]
        pictures.append((image * 255).round().byte().permute(1, 2, 0).cpu().numpy())
    return pictures


def contact_sheet(pictures, path, columns=8, side=160):
    """Pictures scaled to fit squares, side by side."""
    from PIL import Image

    rows = math.ceil(len(pictures) / columns)
    sheet = Image.new("RGB", (columns * side, rows * side), (128, 128, 128))
    for i, picture in enumerate(pictures):
        image = Image.fromarray(picture)
        image.thumbnail((side - 4, side - 4))
        sheet.paste(image, (i % columns * side + 2, i // columns * side + 2))
    sheet.save(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--held-out", type=int, default=0, metavar="N", help="N scenes with combinations kept from training")
    parser.add_argument("--unseen-pairs", type=int, default=0, metavar="N", help="N scenes with shape-colour pairs kept from training")
    parser.add_argument("--training", type=int, default=0, metavar="N", help="N scenes as training sees them")
    parser.add_argument("--wrong", type=int, default=0, metavar="N", help="N held-out scenes, each drawn with one thing wrong")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", help="all pictures HEIGHTxWIDTH (default: a mixture)")
    parser.add_argument("--to", type=Path, help="a manifest: JSON lines of id, prompt, seed, height, width")
    parser.add_argument("--draw", type=Path, metavar="DIR", help="PNG files and a contact sheet")
    args = parser.parse_args()
    picture = tuple(map(int, args.size.split("x"))) if args.size else None
    rows = []
    for kind, count in (("held-out", args.held_out), ("unseen-pairs", args.unseen_pairs), ("training", args.training)):
        rows += [(f"{kind}-{i:05}", text, scene) for i, (text, scene) in enumerate(make_scenes(count, args.seed, kind, picture))]
    rng, wrongs = random.Random(args.seed), []
    for text, scene in make_scenes(4 * args.wrong, args.seed, "held-out", picture):
        attribute = ["colour", "shape", "size", "order"][len(wrongs) % 4]
        wrong = make_wrong_scene(scene, attribute, rng)
        if wrong and len(wrongs) < args.wrong:
            wrongs.append((f"wrong-{attribute}-{len(wrongs):05}", text, wrong))
    rows += wrongs
    if args.to:
        with open(args.to, "w") as out:
            for number, (name, text, scene) in enumerate(rows):
                height, width = scene["size"]
                out.write(json.dumps({"id": name, "prompt": text, "seed": args.seed * 1_000_000 + number, "height": height,
                                      "width": width}) + "\n")
    if args.draw:
        from PIL import Image

        args.draw.mkdir(parents=True, exist_ok=True)
        pictures = draw_scenes([scene for _, _, scene in rows])
        for (name, _, _), pixels in zip(rows, pictures):
            Image.fromarray(pixels).save(args.draw / f"{name}.png")
        contact_sheet(pictures, args.draw / "contact.png")
    for name, text, _ in rows[:0 if args.to else None]:
        print(f"{name}: {text}")


if __name__ == "__main__":
    main()

"""What a picture shows, by its colours: a mask for each colour, and which shape fits the mask best.

Colours in one scene differ, so the pixels nearest to a colour are one object. Used while training, to see whether
captions are followed, and good for any picture of a scene (scenes.py) whose caption is known.
"""

import torch
import torch.nn.functional as F

from scenes import COLOURS, PLACES, SHAPES, SIZES, distance, scale_of

NAMES = list(COLOURS)
SOLID = 40 / 65536  # an object has at least this share of the picture left after its edge is taken off


def colour_masks(image):
    """Two of [colours, H, W]: the pixels nearest to each palette colour without mixtures along edges; their inner part."""
    palette = torch.tensor([COLOURS[n] for n in NAMES], dtype=torch.float32, device=image.device) / 255
    nearest = (image[None] - palette[:, :, None, None]).square().sum(1).argmin(0)
    masks = (nearest[None] == torch.arange(len(NAMES), device=image.device)[:, None, None]).float()
    core = -F.max_pool2d(-masks[None], 3, stride=1, padding=1)[0]  # an edge of mixed colours is thinner than this
    return torch.minimum(masks, F.max_pool2d(core[None], 15, stride=1, padding=7)[0]) > 0, core > 0


def best_shape(mask):
    """The shape that covers the mask best, its radius and the share covered (intersection over union)."""
    height, width = mask.shape
    ys, xs = mask.nonzero(as_tuple=True)
    y, x = torch.meshgrid(torch.arange(height, device=mask.device) + 0.5, torch.arange(width, device=mask.device) + 0.5, indexing="ij")
    top, bottom, left, right = (float(v) for v in (ys.min(), ys.max() + 1, xs.min(), xs.max() + 1))
    best = ("", 0.0, 0.0)
    for shape in SHAPES:
        box = shape_box(shape)
        radius = 0.5 * ((bottom - top) / (box[1] - box[0]) + (right - left) / (box[3] - box[2]))
        middle_y, middle_x = 0.5 * (top + bottom) - 0.5 * (box[0] + box[1]) * radius, 0.5 * (left + right)
        covered = distance(shape, x - middle_x, y - middle_y, radius) <= 0
        overlap = float((covered & mask).sum() / (covered | mask).sum().clamp(min=1))
        if overlap > best[2]:
            best = (shape, radius, overlap)
    return best


BOXES = {}


def shape_box(shape):
    """Top, bottom, left and right of the shape with radius 1 around 0."""
    if shape not in BOXES:
        line = torch.linspace(-1.3, 1.3, 521)
        y, x = torch.meshgrid(line, line, indexing="ij")
        inside = distance(shape, x, y, 1.0) <= 0
        ys, xs = line[inside.any(1)], line[inside.any(0)]
        BOXES[shape] = tuple(float(v) for v in (ys[0], ys[-1], xs[0], xs[-1]))
    return BOXES[shape]


def look(image):
    """image [3, H, W] in 0..1: the background's colour and the objects by their colour."""
    image = image.float()
    height, width = image.shape[1:]
    masks, cores = colour_masks(image)
    areas = cores.sum((1, 2)).tolist()
    border = torch.cat([masks[:, 0], masks[:, -1], masks[:, :, 0], masks[:, :, -1]], 1).sum(1)
    background = int(border.argmax())
    objects = {}
    for i, name in enumerate(NAMES):
        if i == background or areas[i] < SOLID * height * width:
            continue
        mask = masks[i]
        ys, xs = mask.nonzero(as_tuple=True)
        shape, radius, overlap = best_shape(mask)
        objects[name] = {"shape": shape, "radius": radius, "overlap": overlap, "x": float(xs.float().mean()) + 0.5,
                         "y": float(ys.float().mean()) + 0.5, "area": int(mask.sum())}
    return {"background": NAMES[background], "objects": objects}


def judge(image, scene):
    """Whether the picture shows what the scene's caption tells: colours, shapes, sizes, order, background, and all."""
    seen = look(image)
    height, width = image.shape[1:]
    found = [seen["objects"].get(o["colour"]) for o in scene["objects"]]
    said = scene["said"]
    everything = all(found)
    colours = everything and len(seen["objects"]) == len(found)
    order = everything
    if everything:
        for a, relation, b in said["relations"]:
            axis = "x" if relation == "left" else "y"
            order &= found[b][axis] - found[a][axis] > 0.6 * (found[a]["radius"] + found[b]["radius"])
        if said["place"]:
            order &= is_at(found[0]["x"] / width, found[0]["y"] / height, PLACES[said["place"]])
    verdict = {
        "colours": bool(colours),
        "shapes": everything and all(f["shape"] == o["shape"] for f, o in zip(found, scene["objects"])),
        "sizes": everything and all(size is None or size == size_word(f["radius"] / scale_of((height, width)))
                                    for f, size in zip(found, said["sizes"])),
        "order": bool(order),
        "background": said["background"] in (None, seen["background"]),
    }
    return {**verdict, "all": all(verdict.values())}


def size_word(radius):
    """The size whose range is nearest."""
    return min(SIZES, key=lambda word: max(SIZES[word][0] - radius, radius - SIZES[word][1], 0))


def is_at(x, y, place):
    """Inside the place's range, with a tenth of the picture to spare."""
    return all(low - 0.1 <= v <= high + 0.1 for v, (low, high) in zip((x, y), place))

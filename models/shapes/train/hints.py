"""What a caption tells, as labels: small heads read it off the text encoders and off the transformer while they train.

The flow loss alone teaches slowly which colour belongs to which shape and which place to which words, for few of its
gradients speak of that. The heads ask directly, and are thrown away after the training.
"""

import numpy as np
import torch
import torch.nn.functional as F

import scenes

BINS = 12  # of each coordinate
SHAPE, COLOUR, SIZE, X, Y = range(5)
CHOICES = (len(scenes.SHAPES) + 1, len(scenes.COLOURS), len(scenes.SIZES), BINS, BINS)  # the last shape is the background
BACKGROUND = len(scenes.SHAPES)
OBJECTS = 3
UNKNOWN = -1


def facts(made):
    """int16 [N, OBJECTS + 1, 5]: shape, colour, size, x and y of each object and, last, of the background."""
    colours, sizes = list(scenes.COLOURS), list(scenes.SIZES)
    found = np.full((len(made), OBJECTS + 1, 5), UNKNOWN, np.int16)
    for i, scene in enumerate(made):
        height, width = scene["size"]
        for j, o in enumerate(scene["objects"]):
            found[i, j] = (scenes.SHAPES.index(o["shape"]), colours.index(o["colour"]), sizes.index(o["size"]),
                           int(o["x"] / width * BINS), int(o["y"] / height * BINS))
        found[i, OBJECTS, :2] = BACKGROUND, colours.index(scene["background"])
    return found


def what_is_where(rows, facts, picture):
    """int8 [N, tokens, 2]: shape and colour at the centre of each image token (16 x 16 pixels)."""
    y, x = scenes.grid(*picture, step=16, device=rows.device)
    seen = facts[:, OBJECTS, None, None, :2].expand(-1, *y.shape, -1).clone()
    for j in range(OBJECTS):
        for number, shape in enumerate(scenes.SHAPES):
            o = rows[:, j, :, None, None]
            inside = (scenes.distance(shape, x - o[:, 0], y - o[:, 1], o[:, 2]) <= 0) & (o[:, 3] == number) & (o[:, 2] > 0)
            seen = torch.where(inside[..., None], facts[:, j, None, None, :2], seen)
    return seen.flatten(1, 2).to(torch.int8)


def choose(logits, wanted, choices):
    """Sum of the cross entropies of neighbouring choices, and the share of right ones of each."""
    loss, right, first = 0.0, [], 0
    for i, count in enumerate(choices):
        part, target = logits[..., first:first + count].flatten(0, -2).float(), wanted[..., i].flatten().long()
        known = target != UNKNOWN
        loss = loss + F.cross_entropy(part, target, ignore_index=UNKNOWN, reduction="sum") / known.sum().clamp(min=1)
        right.append(((part.argmax(1) == target) & known).sum() / known.sum().clamp(min=1))
        first += count
    return loss, torch.stack(right).detach()


class Heads(torch.nn.Module):
    def __init__(self, text_width, pooled_width, width):
        super().__init__()
        self.words = torch.nn.Linear(text_width, sum(CHOICES))
        self.pooled = torch.nn.Linear(pooled_width, len(scenes.COLOURS) + OBJECTS)
        self.tokens = torch.nn.Linear(width, CHOICES[SHAPE] + CHOICES[COLOUR])

    def read_text(self, words, pooled, marks, facts):
        """words [B, L, text width] and pooled [B, pooled width] of captions; marks [B, L] say which facts [B, 4, 5] a word tells."""
        told = facts.gather(1, marks.clamp(min=0)[..., None].expand(-1, -1, 5))
        loss, right = choose(self.words(words), told.masked_fill(marks[..., None] < 0, UNKNOWN), CHOICES)
        is_told = (marks >= 0).any(1)
        count = (facts[:, :OBJECTS, SHAPE] != UNKNOWN).sum(1) - 1
        whole = torch.stack([facts[:, OBJECTS, COLOUR], count], -1).masked_fill(~is_told[:, None], UNKNOWN)
        loss_of_whole, _ = choose(self.pooled(pooled), whole, (len(scenes.COLOURS), OBJECTS))
        return loss + loss_of_whole, right

    def read_tokens(self, hidden, seen):
        """hidden [B, tokens, width] from the middle of the transformer; seen as from what_is_where."""
        return choose(self.tokens(hidden), seen, CHOICES[:2])

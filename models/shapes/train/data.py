"""Scenes for training, made by other processes while this one trains."""

import math
import multiprocessing
import os
import random

import numpy as np
import torch

import folder
import hints
import scenes

CHUNK = 2000  # scenes that one worker makes at a time
COUNT_SHARES = [0.20, 0.40, 0.40]  # more scenes of three objects than in tests: they are the hardest
CAPTIONS = 4  # per picture, in different words
CHUNK_PICTURES = [scenes.PICTURES[i] for i in (0, 1, 0, 2, 0)]  # 60 %, 20 %, 20 %
TEXTS = ("t5", "clip", "marks", "facts")  # what a chunk holds beside what drawing needs


def start_worker():
    global WORDS
    torch.set_num_threads(1)
    WORDS = folder.Words(*folder.make_tokenizers())


def make_chunk(job):
    """What drawing needs of scenes of one size, the ids and marks of CAPTIONS captions of each, and the facts they tell."""
    seed, picture, count = job
    rng = random.Random(f"captions {seed}")
    made = scenes.make_scenes(count, f"chunk {seed}", "training", picture, COUNT_SHARES)
    found = {"t5": [], "clip": [], "marks": []}
    for text, scene in made:
        for text in [text] + [scenes.caption(scene, rng) for _ in range(CAPTIONS - 1)]:
            t5, clip = WORDS.ids(text)
            found["t5"].append(t5)
            found["clip"].append(clip)
            found["marks"].append(WORDS.marks(text, scene))
    rows, grounds = scenes.pack([scene for _, scene in made])
    return {"picture": picture, "rows": rows.numpy(), "grounds": grounds.numpy(), "facts": hints.facts([scene for _, scene in made]),
            **{key: np.array(value, np.int16).reshape(count, CAPTIONS, -1) for key, value in found.items()}}


class Chunks:
    """A list of chunks that fills."""

    def __init__(self, seed, pictures, tiny):
        workers = 2 if tiny else max(1, min(14, (os.cpu_count() or 2) - 2))
        size = 20 if tiny else CHUNK
        self.count = math.ceil(pictures / size)
        self.pool = multiprocessing.get_context("fork").Pool(workers, start_worker)
        jobs = [(f"{seed} {i}", CHUNK_PICTURES[i % len(CHUNK_PICTURES)], size) for i in range(self.count)]
        self.coming, self.made = self.pool.imap(make_chunk, jobs), []

    def __getitem__(self, number):
        while len(self.made) <= number:
            self.made.append(next(self.coming))
        return self.made[number]

    def close(self):
        self.pool.terminate()
        self.pool.join()


def to_draw(chunk, chosen, device):
    return (torch.from_numpy(chunk[key][chosen]).to(device) for key in ("rows", "grounds"))


def parts_of(chunk):
    """The numbers of its scenes, some hundreds at a time: what the device draws at once."""
    count = len(chunk["rows"])
    return np.array_split(np.arange(count), math.ceil(count / 250))


def drawn(chunk, chosen, device):
    """Whole pictures in -1..1."""
    rows, grounds = to_draw(chunk, chosen, device)
    return scenes.draw(rows, grounds, chunk["picture"]) * 2 - 1


def drawn_windows(chunk, chosen, side, device):
    """In -1..1, of each picture a square window near one of its shapes: more edges than a whole picture has."""
    rows, grounds = to_draw(chunk, chosen, device)
    which = torch.rand(len(rows), 3, device=device).masked_fill(rows[:, :, 2] == 0, -1).argmax(1)
    centre = rows[torch.arange(len(rows), device=device), which][:, [1, 0]]
    spread = (torch.rand(len(rows), 2, device=device) - 0.5) * side
    limit = torch.tensor(chunk["picture"], device=device) - side
    corners = (centre + spread - side / 2).round().clamp(min=0).minimum(limit)
    return scenes.draw(rows, grounds, chunk["picture"], (side, side), corners) * 2 - 1


def stored(chunks, count, size, draw_some):
    """count pictures, or as many as the chunks of this size (None: any) give, as uint8 [N, 3, H, W] on the device."""
    parts, found, number = [], 0, 0
    while found < count and number < chunks.count:
        chunk = chunks[number]
        number += 1
        if size is None or chunk["picture"] == size:
            for chosen in parts_of(chunk):
                parts.append(((draw_some(chunk, chosen) + 1) * 127.5).round().to(torch.uint8))
                found += len(chosen)
    return torch.cat(parts)

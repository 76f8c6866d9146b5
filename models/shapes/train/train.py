#!/usr/bin/env python3
"""Trains the shapes model: first the autoencoder, then transformer and text encoders together. Stops and goes on.

    train.py --work DIR --seconds 540 --compile            as often as needed: goes on from DIR
    train.py --work DIR --seconds 520 --compile --last --export FOLDER

DIR holds the checkpoints, samples of held-out captions (samples-STEP.png, and samples-STEP as a dataset) and figures.jsonl:
step, seconds, loss, and with --score how many of the samples ditmesh finds right. The export is a diffusers folder of the
averaged (EMA) weights.
"""

import argparse
import json
import os
import time
from pathlib import Path

STARTED = time.monotonic()
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import torch  # noqa: E402

import folder  # noqa: E402
from autoencoder import make_pool, measure_autoencoder, train_autoencoder  # noqa: E402
from data import Chunks  # noqa: E402
from transformer import train_flow  # noqa: E402

RESERVE = 20  # seconds kept for the last samples, the checkpoint and the export


class Run:
    """The folder of a run, its clock and its figures."""

    def __init__(self, args):
        self.args, self.device = args, "cuda" if torch.cuda.is_available() else "cpu"
        self.work = args.work
        self.work.mkdir(parents=True, exist_ok=True)

    def left(self):
        """Seconds until this call must begin to finish."""
        return self.args.seconds - RESERVE * (0.1 if self.args.tiny else 1) - (time.monotonic() - STARTED)

    def autocast(self):
        return torch.autocast(self.device, torch.bfloat16, enabled=self.device == "cuda", cache_enabled=False)

    def synchronize(self):
        if self.device == "cuda":
            torch.cuda.synchronize()

    def adamw(self, parameters, betas):
        """Without decay; its rate is a tensor, so that a CUDA graph reads it anew."""
        on_gpu = self.device == "cuda"
        rate = torch.zeros((), device=self.device)
        return torch.optim.AdamW(parameters, lr=rate, betas=betas, weight_decay=0.0, fused=on_gpu, capturable=on_gpu)

    def set_rate(self, optimizer, rate):
        for group in optimizer.param_groups:
            group["lr"].fill_(rate)

    def graph_pool(self):
        """Memory that graphs which run in turn share."""
        return torch.cuda.graph_pool_handle() if self.device == "cuda" else None

    def graphed(self, work, pool):
        """work() as a CUDA graph, for launching its thousands of small kernels one by one takes longer than they do.

        It is done three times first, so the learning rate should be zero.
        """
        if self.device != "cuda":
            return work
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(3):
                work()
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=pool):
            work()
        return graph.replay

    def report(self, **figures):
        print(" ".join(f"{k} {v:.5g}" if isinstance(v, float) else f"{k} {v}" for k, v in figures.items()), flush=True)
        with open(self.work / "figures.jsonl", "a") as out:
            out.write(json.dumps(figures) + "\n")

    def save(self, name, value):
        torch.save(value, self.work / (name + ".new"))
        os.replace(self.work / (name + ".new"), self.work / name)

    def load(self, name):
        path = self.work / name
        return torch.load(path, map_location=self.device) if path.exists() else None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, help="checkpoints, samples and figures; a later call goes on from them")
    parser.add_argument("--seconds", type=float, default=540, help="this call ends within so many seconds")
    parser.add_argument("--total-seconds", type=float, default=1200, help="of the transformer's training in all calls together")
    parser.add_argument("--last", action="store_true", help="the last call: the learning rate falls to its end within --seconds")
    parser.add_argument("--vae-seconds", type=float, default=120, help="of the autoencoder's training")
    parser.add_argument("--text-seconds", type=float, default=15, help="of the text encoders' training on their own")
    parser.add_argument("--pool", type=int, default=240_000, help="pictures to encode")
    parser.add_argument("--pool-seconds", type=float, default=45, help="stop encoding after so long")
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--sample-every", type=float, default=120, metavar="SECONDS")
    parser.add_argument("--score", metavar="BINARY", help="ditmesh, to say how many samples of held-out captions are right")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--export", type=Path, metavar="FOLDER")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--tiny", action="store_true", help="toy sizes, to try the code on a CPU")
    args = parser.parse_args()

    run = Run(args)
    # The scenes' processes are forked before anything touches the GPU.
    needs_scenes = not all((run.work / name).exists() for name in ("vae.pt", "pool.pt"))
    chunks = Chunks(args.seed, args.pool, args.tiny) if needs_scenes else None
    torch.manual_seed(args.seed)
    if run.device == "cuda":
        torch.backends.cuda.enable_cudnn_sdp(False)  # its backward fails on these shapes
        torch.set_float32_matmul_precision("high")
        torch.backends.cudnn.benchmark = True
    clip, t5 = folder.make_tokenizers()
    vae = folder.make_autoencoder(args.tiny).to(run.device)
    if train_autoencoder(run, vae, chunks):
        vae.requires_grad_(False).eval()
        if chunks:
            measure_autoencoder(run, vae, chunks)
        pool = make_pool(run, vae, chunks)
        vae.register_to_config(scaling_factor=pool["scale"], shift_factor=pool["shift"])
        if run.left() > 30 or args.tiny:
            train_flow(run, vae, pool, clip, t5)
    if chunks:
        chunks.close()
    print(f"ended after {time.monotonic() - STARTED:.0f} s", flush=True)


if __name__ == "__main__":
    main()

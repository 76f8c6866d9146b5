#!/usr/bin/env python3
"""Trains the shapes model: first the autoencoder, then transformer and text encoders together. Stops and goes on.

    train.py --work DIR --seconds 530 --total-seconds 1000 --compile --export FOLDER
    train.py --work DIR --seconds 530 --last --compile --export FOLDER     the same again: goes on from DIR

DIR holds the checkpoints, samples-STEP.png and figures.jsonl (step, seconds, loss, and how many of the held-out captions
are drawn right). The export is a diffusers folder of the averaged (EMA) weights.
"""

import argparse
import copy
import json
import math
import multiprocessing
import os
import random
import time
from pathlib import Path

STARTED = time.monotonic()
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import numpy as np  # noqa: E402
import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402
from diffusers import AutoencoderKL, FluxPipeline, FluxTransformer2DModel  # noqa: E402
from transformers import CLIPTextModel, T5EncoderModel  # noqa: E402

import folder  # noqa: E402
import scenes  # noqa: E402
from judge import judge  # noqa: E402

CHUNK = 2000  # scenes that one worker makes at a time
CAPTIONS = 4  # per picture, in different words
CHUNK_PICTURES = [scenes.PICTURES[i] for i in (0, 1, 0, 2, 0)]  # 60 %, 20 %, 20 %
EMA = 0.999
CAPTIONS_DROPPED = 0.1
GUIDANCE = 3.0
SAMPLE_STEPS = 12
RESERVE = 20  # seconds kept for the last samples, the checkpoint and the export


# --- data ---------------------------------------------------------------------------------------------------------


def start_worker():
    global WORDS
    torch.set_num_threads(1)
    WORDS = folder.Words(*folder.make_tokenizers())


def make_chunk(job):
    """What drawing needs of CHUNK scenes of one size, and the ids of CAPTIONS captions of each."""
    seed, picture, count = job
    rng = random.Random(f"captions {seed}")
    made = scenes.make_scenes(count, f"chunk {seed}", "training", picture)
    t5, clip = [], []
    for text, scene in made:
        for text in [text] + [scenes.caption(scene, rng) for _ in range(CAPTIONS - 1)]:
            a, b = WORDS.ids(text)
            t5.append(a)
            clip.append(b)
    rows, grounds = scenes.pack([scene for _, scene in made])
    return {"picture": picture, "rows": rows.numpy(), "grounds": grounds.numpy(),
            "t5": np.array(t5, np.int16).reshape(count, CAPTIONS, -1), "clip": np.array(clip, np.int16).reshape(count, CAPTIONS, -1)}


class Chunks:
    """Chunks of scenes, made by other processes while this one trains; a list that fills."""

    def __init__(self, args):
        workers = 2 if args.tiny else max(1, min(14, (os.cpu_count() or 2) - 2))
        size = 20 if args.tiny else CHUNK
        self.count = math.ceil(args.pool / size)
        self.pool = multiprocessing.get_context("fork").Pool(workers, start_worker)
        jobs = [(f"{args.seed} {i}", CHUNK_PICTURES[i % len(CHUNK_PICTURES)], size) for i in range(self.count)]
        self.coming, self.made = self.pool.imap(make_chunk, jobs), []

    def __getitem__(self, number):
        while len(self.made) <= number:
            self.made.append(next(self.coming))
        return self.made[number]

    def close(self):
        self.pool.terminate()
        self.pool.join()


def drawn(chunk, chosen, device):
    rows, grounds = (torch.from_numpy(chunk[k][chosen]).to(device) for k in ("rows", "grounds"))
    return scenes.draw(rows, grounds, chunk["picture"]) * 2 - 1


# --- the run ------------------------------------------------------------------------------------------------------


class Run:
    def __init__(self, args):
        self.args, self.device = args, "cuda" if torch.cuda.is_available() else "cpu"
        self.work = args.work
        self.work.mkdir(parents=True, exist_ok=True)

    def left(self):
        """Seconds until this call must begin to finish."""
        return self.args.seconds - RESERVE * (0.1 if self.args.tiny else 1) - (time.monotonic() - STARTED)

    def autocast(self):
        return torch.autocast(self.device, torch.bfloat16, enabled=self.device == "cuda")

    def report(self, **figures):
        print(" ".join(f"{k} {v:.5g}" if isinstance(v, float) else f"{k} {v}" for k, v in figures.items()), flush=True)
        with open(self.work / "figures.jsonl", "a") as out:
            out.write(json.dumps(figures) + "\n")

    def save(self, name, value):
        torch.save(value, self.work / (name + ".new"))
        os.replace(self.work / (name + ".new"), self.work / name)

    def load(self, name, device=None):
        path = self.work / name
        return torch.load(path, map_location=device or self.device) if path.exists() else None


# --- the autoencoder ----------------------------------------------------------------------------------------------


def train_autoencoder(run, vae, chunks):
    """True when it is trained; its weights are then in vae."""
    args, device = run.args, run.device
    state = run.load("vae.pt")
    if state:
        vae.load_state_dict(state["vae"])
        if state["done"]:
            return True
    vae.train()
    optimizer = torch.optim.AdamW(vae.parameters(), lr=5e-4, weight_decay=0.0, fused=device == "cuda")
    if state:
        optimizer.load_state_dict(state["optimizer"])
    step, spent = (state["step"], state["seconds"]) if state else (0, 0.0)
    batch = 2 if args.tiny else 48
    rng = random.Random(args.seed + step)
    torch.manual_seed(args.seed + step)
    began, saved = time.monotonic() - spent, time.monotonic()

    def keep(done):
        run.save("vae.pt", {"vae": vae.state_dict(), "optimizer": optimizer.state_dict(), "step": step, "seconds": spent, "done": done})

    while (spent := time.monotonic() - began) < args.vae_seconds:
        if run.left() < 0:
            keep(False)
            return False
        for group in optimizer.param_groups:
            group["lr"] = 5e-4 * min((step + 1) / 50, 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * spent / args.vae_seconds)))
        chunk = chunks[rng.randrange(min(20, chunks.count))]
        x = drawn(chunk, np.array(rng.sample(range(len(chunk["rows"])), batch)), device)
        with run.autocast():
            posterior = vae.encode(x).latent_dist
            y = vae.decode(posterior.sample(), return_dict=False)[0]
        d, kl = y.float() - x, posterior.kl().mean() / posterior.mean[0].numel()
        loss = d.abs().mean() + 2 * d.square().mean() + 1e-3 * kl
        loss = loss + 0.5 * (d.diff(dim=2).abs().mean() + d.diff(dim=3).abs().mean())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(vae.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        if step % (10 if args.tiny else 200) == 0:
            run.report(phase="autoencoder", step=step, seconds=round(spent, 1), loss=loss.item(), kl=kl.item(),
                       psnr=10 * math.log10(4 / d.square().mean().item()))
        step += 1
        if time.monotonic() - saved > 60:
            keep(False)
            saved = time.monotonic()
    keep(True)
    return True


@torch.no_grad()
def measure_autoencoder(run, vae, chunk):
    """PSNR in dB of pictures it has not trained on, with the posterior's mean."""
    x = drawn(chunk, np.arange(min(96, len(chunk["rows"]))), run.device)
    with run.autocast():
        y = torch.cat([vae.decode(vae.encode(part).latent_dist.mean, return_dict=False)[0] for part in x.split(32)])
    error = (y.float().clamp(-1, 1) - x).square().mean((1, 2, 3))
    run.report(phase="autoencoder tested", psnr=float((10 * torch.log10(4 / error)).mean()))
    to_uint8 = lambda t: list(((t[:24].float() + 1) * 127.5).clamp(0, 255).byte().permute(0, 2, 3, 1).cpu().numpy())  # noqa: E731
    scenes.contact_sheet(to_uint8(x) + to_uint8(y), run.work / "autoencoder.png")


@torch.no_grad()
def make_pool(run, vae, chunks):
    """Latents of the chunks by picture size, as fp16, with their captions' ids; and the latents' shift and scale."""
    if pool := run.load("pool.pt"):
        return pool
    began, parts = time.monotonic(), {picture: [] for picture in scenes.PICTURES}
    for number in range(chunks.count):
        if number >= len(CHUNK_PICTURES) and time.monotonic() - began > run.args.pool_seconds:
            break
        chunk = chunks[number]
        latents = []
        for chosen in np.array_split(np.arange(len(chunk["rows"])), math.ceil(len(chunk["rows"]) / 250)):
            with run.autocast():
                latents.append(vae.encode(drawn(chunk, chosen, run.device)).latent_dist.mean.half())
        parts[chunk["picture"]].append((torch.cat(latents), *(torch.from_numpy(chunk[k]).to(run.device) for k in ("t5", "clip"))))
    # One size after the other, so that the parts of one size are freed before the next is put together.
    pool = {picture: dict(zip(("latents", "t5", "clip"), (torch.cat(list(t)) for t in zip(*parts.pop(picture)))))
            for picture in scenes.PICTURES}
    sample = torch.cat([p["latents"][:2000].float().flatten() for p in pool.values()])
    pool["shift"], pool["scale"] = sample.mean().item(), 1 / sample.std().item()
    run.report(phase="pool", seconds=round(time.monotonic() - began, 1), pictures=sum(len(pool[p]["latents"]) for p in scenes.PICTURES),
               shift=pool["shift"], scale=pool["scale"])
    run.save("pool.pt", pool)
    return pool


# --- transformer and text encoders --------------------------------------------------------------------------------


def packed(latents):
    return FluxPipeline._pack_latents(latents, *latents.shape)


def position_ids(picture, device):
    height, width = picture
    return FluxPipeline._prepare_latent_image_ids(1, height // 16, width // 16, device, torch.float32)


def predict(networks, x, s, t5_ids, clip_ids, picture):
    """The velocity noise - picture of packed latents at noise level s, as FluxPipeline asks for it."""
    transformer, text_encoder, text_encoder_2 = networks
    return transformer(
        hidden_states=x, timestep=s, pooled_projections=text_encoder(clip_ids).pooler_output,
        encoder_hidden_states=text_encoder_2(t5_ids)[0], txt_ids=torch.zeros(t5_ids.shape[1], 3, device=x.device),
        img_ids=position_ids(picture, x.device), return_dict=False)[0]


def noise_levels(count, device):
    """Half logit-normal; half of them shifted by 10 towards noise, where it is decided what stands where."""
    s = torch.randn(count, device=device).sigmoid()
    return torch.where(torch.arange(count, device=device) % 2 == 0, s, 10 * s / (1 + 9 * s))


def flow_loss(run, networks, pool, picture, batch, empty):
    data, device = pool[picture], run.device
    chosen = torch.randint(len(data["latents"]), (batch,), device=device)
    which = torch.randint(CAPTIONS, (batch,), device=device)
    dropped = (torch.rand(batch, device=device) < CAPTIONS_DROPPED)[:, None]
    t5_ids = torch.where(dropped, empty[0], data["t5"][chosen, which].long())
    clip_ids = torch.where(dropped, empty[1], data["clip"][chosen, which].long())
    x0 = packed((data["latents"][chosen].float() - pool["shift"]) * pool["scale"])
    noise = torch.randn_like(x0)
    s = noise_levels(batch, device)
    x = (1 - s[:, None, None]) * x0 + s[:, None, None] * noise
    with run.autocast():
        velocity = predict(networks, x, s, t5_ids, clip_ids, picture)
    return (velocity.float() - (noise - x0)).square().mean()


@torch.no_grad()
def sample(run, networks, vae, texts, picture, words, seed):
    """Pictures [N, 3, H, W] in 0..1 with true CFG against the empty prompt."""
    device, count = run.device, len(texts)
    t5_ids, clip_ids = (torch.tensor(ids, device=device) for ids in zip(*(words.ids(t) for t in texts + [""] * count)))
    scheduler = folder.make_scheduler()
    scheduler.set_timesteps(sigmas=np.linspace(1.0, 1 / SAMPLE_STEPS, SAMPLE_STEPS), device=device)
    height, width = picture[0] // 8, picture[1] // 8
    x = packed(torch.randn(count, 16, height, width, generator=torch.Generator().manual_seed(seed)).to(device))
    for t in scheduler.timesteps:
        with run.autocast():
            both = predict(networks, torch.cat([x, x]), (t / 1000).expand(2 * count), t5_ids, clip_ids, picture).float()
        with_text, without = both.chunk(2)
        x = scheduler.step(without + GUIDANCE * (with_text - without), t, x, return_dict=False)[0]
    latents = FluxPipeline._unpack_latents(x, *picture, 8) / vae.config.scaling_factor + vae.config.shift_factor
    with run.autocast():
        return torch.cat([vae.decode(part, return_dict=False)[0].float() for part in latents.split(32)]).add(1).div(2).clamp(0, 1)


def test(run, networks, vae, words, exam, step):
    """How many pictures of the held-out captions are right; a contact sheet."""
    verdicts, pictures = [], []
    for picture, made in exam.items():
        images = sample(run, networks, vae, [text for text, _ in made], picture, words, seed=0)
        verdicts += [judge(image, scene) for image, (_, scene) in zip(images, made)]
        pictures += list((images * 255).round().byte().permute(0, 2, 3, 1).cpu().numpy())
    scenes.contact_sheet(pictures, run.work / f"samples-{step:06}.png", columns=12)
    return {key: sum(v[key] for v in verdicts) / len(verdicts) for key in verdicts[0]}


def learning_rate(args, spent, total):
    """Warm-up, constant, then straight down to (nearly) nothing at the end of all calls."""
    warm = min(1.0, spent / (0.02 * total) + 0.01)
    return 1.5e-3 * min(warm, max(0.004, (total - spent) / (0.6 * total)))


def train_flow(run, vae, pool, clip, t5):
    args, device = run.args, run.device
    networks = folder.make_models(clip, t5, args.tiny)
    if args.start_from:
        networks = load_networks(args.start_from)
    networks = [n.float().to(device).train() for n in networks]
    averages = [copy.deepcopy(n).requires_grad_(False).eval() for n in networks]
    parameters = [p for n in networks for p in n.parameters()]
    averaged = [p for n in averages for p in n.parameters()]
    matrices, others = [p for p in parameters if p.dim() > 1], [p for p in parameters if p.dim() < 2]
    optimizer = torch.optim.AdamW([{"params": matrices, "weight_decay": 0.01}, {"params": others, "weight_decay": 0.0}],
                                  lr=0.0, betas=(0.9, 0.98), fused=device == "cuda")
    step, spent = 0, args.seconds_done
    if state := run.load("flow.pt"):
        step, spent = state["step"], state["seconds"]
        for n, weights in zip(networks + averages, state["networks"] + state["averages"]):
            n.load_state_dict(weights)
        optimizer.load_state_dict(state["optimizer"])
    words = folder.Words(clip, t5)
    empty = [torch.tensor(ids, device=device) for ids in words.ids("")]
    batch, each = (8, 2) if args.tiny else (args.batch, 24)
    exam = {p: scenes.make_scenes(each * (2 if i == 0 else 1), 7, "held-out", p) for i, p in enumerate(scenes.PICTURES)}
    if args.compile:  # block by block, which is much quicker to compile than the whole; only two shapes occur
        torch._dynamo.config.recompile_limit = 32
        networks[0].compile_repeated_blocks(dynamic=False)
    compiling = time.monotonic()
    for picture in scenes.PICTURES[:2]:  # compiles before the clock starts
        flow_loss(run, networks, pool, picture, batch, empty).backward()
    optimizer.zero_grad(set_to_none=True)
    if device == "cuda":
        torch.cuda.synchronize()
    run.report(phase="transformer begins", step=step, seconds=round(spent, 1), first_steps_took=round(time.monotonic() - compiling, 1))
    total = spent + max(1.0, run.left()) if args.last else args.total_seconds

    def keep():
        run.save("flow.pt", {"networks": [n.state_dict() for n in networks], "averages": [n.state_dict() for n in averages],
                             "optimizer": optimizer.state_dict(), "step": step, "seconds": spent})

    torch.manual_seed(args.seed * 1_000_003 + step)
    began = time.monotonic() - spent
    saved = tested = time.monotonic()
    losses, first, first_at = [], step, spent
    while run.left() > 0 and spent < total:
        rate = learning_rate(args, spent, total)
        for group in optimizer.param_groups:
            group["lr"] = rate
        picture = random.Random(f"{args.seed} {step}").choices(scenes.PICTURES, scenes.PICTURE_SHARES)[0]
        loss = flow_loss(run, networks, pool, picture, batch, empty)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        torch._foreach_lerp_(averaged, parameters, 1 - min(EMA, (1 + step) / (10 + step)))
        losses.append(loss.detach())
        step += 1
        if step % 20 == 0 and device == "cuda":
            torch.cuda.synchronize()  # so that the clock below tells the truth
        spent = time.monotonic() - began
        if step % (10 if args.tiny else 250) == 0:
            run.report(phase="transformer", step=step, seconds=round(spent, 1), loss=torch.stack(losses).mean().item(), rate=rate,
                       step_seconds=(spent - first_at) / (step - first))
            losses, first, first_at = [], step, spent
        now = time.monotonic()
        if now - tested > args.sample_every:
            tested = now
            run.report(phase="tested", step=step, seconds=round(spent, 1), **test(run, averages, vae, words, exam, step))
        if now - saved > 60:
            saved = now
            keep()
    run.report(phase="tested", step=step, seconds=round(spent, 1), **test(run, averages, vae, words, exam, step))
    keep()
    if args.export:
        folder.save_folder(args.export, *(copy.deepcopy(n).cpu() for n in (vae, *averages)), clip, t5)
        print(f"exported to {args.export}, {time.monotonic() - STARTED:.0f} s after the start", flush=True)


def load_networks(path):
    return [FluxTransformer2DModel.from_pretrained(path / "transformer"), CLIPTextModel.from_pretrained(path / "text_encoder"),
            T5EncoderModel.from_pretrained(path / "text_encoder_2")]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, help="checkpoints, samples and figures; a later call goes on from them")
    parser.add_argument("--seconds", type=float, default=530, help="this call ends within so many seconds")
    parser.add_argument("--total-seconds", type=float, default=1000, help="of the transformer's training in all calls together")
    parser.add_argument("--last", action="store_true", help="the last call: the learning rate falls to its end within --seconds")
    parser.add_argument("--vae-seconds", type=float, default=200, help="of the autoencoder's training")
    parser.add_argument("--pool", type=int, default=240_000, help="pictures to encode")
    parser.add_argument("--pool-seconds", type=float, default=60, help="stop encoding after so long")
    parser.add_argument("--batch", type=int, default=384)
    parser.add_argument("--sample-every", type=float, default=60, metavar="SECONDS")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--export", type=Path, metavar="FOLDER")
    parser.add_argument("--start-from", type=Path, metavar="FOLDER", help="an export to go on from where --work has no checkpoint")
    parser.add_argument("--seconds-done", type=float, default=0.0, help="with --start-from: how long its transformer has trained")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--tiny", action="store_true", help="toy sizes, to try the code on a CPU")
    args = parser.parse_args()

    run = Run(args)
    # The scenes' processes are forked before anything touches the GPU.
    needs_scenes = not all((run.work / name).exists() for name in ("vae.pt", "pool.pt"))
    chunks = Chunks(args) if needs_scenes else None
    torch.manual_seed(args.seed)
    if run.device == "cuda":
        torch.backends.cuda.enable_cudnn_sdp(False)  # its backward fails on these shapes
        torch.set_float32_matmul_precision("high")
        torch.backends.cudnn.benchmark = True
    clip, t5 = folder.make_tokenizers()
    vae = folder.make_autoencoder(args.tiny)
    if args.start_from and not (run.work / "vae.pt").exists():
        vae = AutoencoderKL.from_pretrained(args.start_from / "vae").float()
        run.save("vae.pt", {"vae": vae.state_dict(), "done": True})
    vae = vae.to(run.device)
    finished = train_autoencoder(run, vae, chunks)
    if finished:
        vae.requires_grad_(False).eval()
        if chunks:
            measure_autoencoder(run, vae, chunks[chunks.count - 1])
        pool = make_pool(run, vae, chunks)
        vae.register_to_config(scaling_factor=pool["scale"], shift_factor=pool["shift"])
        if run.left() > 30 or args.tiny:
            train_flow(run, vae, pool, clip, t5)
    if chunks:
        chunks.close()
    print(f"ended after {time.monotonic() - STARTED:.0f} s", flush=True)


if __name__ == "__main__":
    main()

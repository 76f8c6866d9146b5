"""The autoencoder's training, and the pool of latents that the transformer learns from."""

import copy
import math
import time

import numpy as np
import torch

import hints
import scenes
from data import CHUNK_PICTURES, TEXTS, drawn, drawn_windows, parts_of, stored

RATE = 8e-4
WINDOW = 128  # pixels; four fifths of the time it learns from windows, then from whole pictures
STAGES = ((0.8, 64, 24_000), (1.0, 20, 6_000))  # until this share of the time: batch, pictures to draw


def loss_of(vae, x, autocast):
    """L1, squares, edges and a little KL; and the mean squared error and KL on their own."""
    with autocast():
        posterior = vae.encode(x).latent_dist
        y = vae.decode(posterior.sample(), return_dict=False)[0]
    d, kl = y.float() - x, posterior.kl().mean() / posterior.mean[0].numel()
    edges = d.diff(dim=2).abs().mean() + d.diff(dim=3).abs().mean()
    return torch.stack([d.abs().mean() + 2 * d.square().mean() + 0.5 * edges + 1e-3 * kl, d.square().mean(), kl])


def train_autoencoder(run, vae, chunks):
    """True when it is trained; its weights are then in vae."""
    args, device = run.args, run.device
    state = run.load("vae.pt")
    if state:
        vae.load_state_dict(state["vae"])
        if state["done"]:
            return True
    vae.train()
    optimizer = run.adamw(vae.parameters(), (0.9, 0.99))
    if state:
        optimizer.load_state_dict(state["optimizer"])
    step, spent = (state["step"], state["seconds"]) if state else (0, 0.0)
    torch.manual_seed(args.seed + step)
    figures = torch.zeros(3, device=device)
    saved = time.monotonic()

    def keep(done):
        run.save("vae.pt", {"vae": vae.state_dict(), "optimizer": optimizer.state_dict(), "step": step, "seconds": spent, "done": done})

    def learn():
        x = store[torch.randint(len(store), (batch,), device=device)].float() / 127.5 - 1
        optimizer.zero_grad(set_to_none=True)
        found = loss_of(vae, x, run.autocast)
        found[0].backward()
        torch.nn.utils.clip_grad_norm_(vae.parameters(), 1.0)
        optimizer.step()
        figures.copy_(found.detach())

    for until, batch, count in STAGES:
        if spent >= until * args.vae_seconds:
            continue
        if until < 1:
            store = stored(chunks, count, None, lambda chunk, chosen: drawn_windows(chunk, chosen, WINDOW, device))
        else:
            store = stored(chunks, count, scenes.PICTURES[0], lambda chunk, chosen: drawn(chunk, chosen, device))
        batch = 2 if args.tiny else batch
        run.set_rate(optimizer, 0.0)
        replay = run.graphed(learn, run.graph_pool())
        began = time.monotonic() - spent
        while spent < until * args.vae_seconds:
            if run.left() < 0:
                keep(False)
                return False
            run.set_rate(optimizer, RATE * min((step + 1) / 50, 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * spent / args.vae_seconds))))
            replay()
            if step % (10 if args.tiny else 250) == 0:
                loss, error, kl = figures.tolist()
                run.report(phase="autoencoder", step=step, seconds=round(spent, 1), loss=loss, kl=kl, psnr=10 * math.log10(4 / error))
            step += 1
            if step % 10 == 0:
                run.synchronize()  # so that the clock tells the truth
            spent = time.monotonic() - began
            if time.monotonic() - saved > 60:
                keep(False)
                saved = time.monotonic()
    keep(True)
    return True


@torch.no_grad()
def measure_autoencoder(run, vae, chunks):
    """PSNR in dB of whole pictures it has not trained on, with the posterior's mean."""
    for chunk in (chunks[chunks.count - 1 - i] for i in range(3)):
        x = drawn(chunk, np.arange(min(96, len(chunk["rows"]))), run.device)
        with run.autocast():
            y = torch.cat([vae.decode(vae.encode(part).latent_dist.mean, return_dict=False)[0] for part in x.split(32)])
        error = (y.float().clamp(-1, 1) - x).square().mean((1, 2, 3))
        run.report(phase="autoencoder tested", picture=chunk["picture"], psnr=float((10 * torch.log10(4 / error)).mean()))
        if chunk["picture"] == scenes.PICTURES[0]:
            pictures = torch.stack([x[:12], y[:12].float()], 1).flatten(0, 1).add(1).mul(127.5).clamp(0, 255).byte()
            scenes.contact_sheet(list(pictures.permute(0, 2, 3, 1).cpu().numpy()), run.work / "autoencoder.png", side=256)


@torch.no_grad()
def make_pool(run, vae, chunks):
    """By picture size: latents as fp16 and what is told of them. And the latents' shift and scale."""
    if pool := run.load("pool.pt"):
        return pool
    half = torch.float16 if run.device == "cuda" else torch.float32
    encoder = copy.deepcopy(vae).to(half)
    began, parts = time.monotonic(), {picture: [] for picture in scenes.PICTURES}
    for number in range(chunks.count):
        if number >= len(CHUNK_PICTURES) and time.monotonic() - began > run.args.pool_seconds:
            break
        chunk, latents = chunks[number], []
        picture = chunk["picture"]
        for chosen in parts_of(chunk):
            latents.append(encoder.encode(drawn(chunk, chosen, run.device).to(half)).latent_dist.mean.half())
        told = {key: torch.from_numpy(chunk[key]).to(run.device) for key in TEXTS}
        seen = hints.what_is_where(torch.from_numpy(chunk["rows"]).to(run.device), told["facts"], picture)
        parts[picture].append({"latents": torch.cat(latents), "seen": seen, **told})
    # One size after the other, so that the parts of one size are freed before the next is put together.
    pool = {}
    for picture in scenes.PICTURES:
        found = parts.pop(picture)
        pool[picture] = {key: torch.cat([part[key] for part in found]) for key in found[0]}
    sample = torch.cat([p["latents"][:2000].float().flatten() for p in pool.values()])
    pool["shift"], pool["scale"] = sample.mean().item(), 1 / sample.std().item()
    run.report(phase="pool", seconds=round(time.monotonic() - began, 1), pictures=sum(len(pool[p]["latents"]) for p in scenes.PICTURES),
               shift=pool["shift"], scale=pool["scale"])
    run.save("pool.pt", pool)
    return pool

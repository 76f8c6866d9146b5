"""The training of transformer and text encoders, together, on the pool of latents."""

import copy
import json
import random
import shutil
import subprocess
import time

import numpy as np
import torch
from diffusers import FluxPipeline, FluxTransformer2DModel

import folder
import hints
import scenes
from data import CAPTIONS
from drawn_dataset import write_dataset
from muon import Muon

RATE = 1.5e-3  # of AdamW; Muon's, for the matrices of the blocks, stands below
MUON_RATE = 2e-3
TEXT_RATE = 2e-3  # before the transformer begins
EMA = 0.999
AVERAGED_FROM = 300  # steps
CAPTIONS_DROPPED = 0.1
HINTS = 0.1  # weight of the hints beside the flow loss; they fade with the learning rate
GUIDANCE = 3.0
SAMPLE_STEPS = 16


def packed(latents):
    return FluxPipeline._pack_latents(latents, *latents.shape)


def rotations(transformer, picture, words, device):
    """Rotary tables; as FluxPipeline's, text stands at 0 and image tokens at their row and column."""
    height, width = picture
    image = FluxPipeline._prepare_latent_image_ids(1, height // 16, width // 16, device, torch.float32)
    return transformer.pos_embed(torch.cat([torch.zeros(words, 3, device=device), image]))


def predict(networks, x, s, t5_ids, clip_ids, rotary):
    """The velocity noise - picture of packed latents at noise level s, as FluxTransformer2DModel.forward gives it.

    Also returns what the hints read: the words, the pooled text and the image tokens after half of the blocks.
    """
    transformer, text_encoder, text_encoder_2 = networks
    words, pooled = text_encoder_2(t5_ids)[0], text_encoder(clip_ids).pooler_output
    hidden, text = transformer.x_embedder(x), transformer.context_embedder(words)
    modulation = transformer.time_text_embed(s * 1000, pooled)
    blocks = [*transformer.transformer_blocks, *transformer.single_transformer_blocks]
    for i, block in enumerate(blocks):
        if i == len(blocks) // 2:
            middle = hidden
        text, hidden = block(hidden_states=hidden, encoder_hidden_states=text, temb=modulation, image_rotary_emb=rotary)
    return transformer.proj_out(transformer.norm_out(hidden, modulation)), words, pooled, middle


def noise_levels(count, device):
    """All logit-normal; every second one is then shifted by 10 towards noise, where it is decided what stands where."""
    s = torch.randn(count, device=device).sigmoid()
    return torch.where(torch.arange(count, device=device) % 2 == 0, s, 10 * s / (1 + 9 * s))


class Learner:
    """Networks, the hints' heads, their averages and their optimizers."""

    def __init__(self, run, clip, t5):
        self.run = run
        self.networks = [n.float().to(run.device).train() for n in folder.make_models(clip, t5, run.args.tiny)]
        transformer, text_encoder, text_encoder_2 = self.networks
        self.heads = hints.Heads(text_encoder_2.config.d_model, text_encoder.config.hidden_size, transformer.inner_dim).to(run.device)
        self.averages = [copy.deepcopy(n).requires_grad_(False).eval() for n in self.networks]
        self.weights = [p for n in self.networks for p in n.parameters()]
        self.averaged = [p for n in self.averages for p in n.parameters()]
        self.parameters = [*self.weights, *self.heads.parameters()]
        self.rotary = {p: rotations(transformer, p, folder.T5_LENGTH, run.device) for p in scenes.PICTURES}
        self.words = folder.Words(clip, t5)
        self.empty = [torch.tensor(ids, device=run.device) for ids in self.words.ids("")]
        self.share = torch.zeros((), device=run.device)  # of the full learning rates
        self.figures = torch.zeros(9, device=run.device)  # of the last step: flow loss, hints' loss, their right answers
        self.flow_sum = torch.zeros((), device=run.device)
        matrices = {p for n in self.networks for name, p in n.named_parameters()
                    if p.dim() == 2 and ("block" in name or "layers" in name) and "norm" not in name and "bias" not in name}
        self.muon = Muon([p for p in self.parameters if p in matrices], torch.zeros((), device=run.device))
        self.adam = run.adamw([p for p in self.parameters if p not in matrices], (0.9, 0.98))

    def modules(self):
        return [*self.networks, *self.averages, self.heads, self.muon, self.adam]

    def set_share(self, share):
        self.share.fill_(share)
        self.muon.rate.fill_(share * MUON_RATE)
        self.run.set_rate(self.adam, share * RATE)

    def compile(self):
        """Block by block, which is much quicker to compile than the whole; only two shapes occur."""
        torch._dynamo.config.recompile_limit = 32
        self.networks[0].compile_repeated_blocks(dynamic=False)

    def losses(self, pool, picture, batch):
        """The flow loss, the hints' loss and the hints' right answers."""
        data, device = pool[picture], self.run.device
        chosen = torch.randint(len(data["latents"]), (batch,), device=device)
        which = torch.randint(CAPTIONS, (batch,), device=device)
        dropped = (torch.rand(batch, device=device) < CAPTIONS_DROPPED)[:, None]
        t5_ids = torch.where(dropped, self.empty[0], data["t5"][chosen, which].long())
        clip_ids = torch.where(dropped, self.empty[1], data["clip"][chosen, which].long())
        marks = data["marks"][chosen, which].long().masked_fill(dropped, -1)
        x0 = packed((data["latents"][chosen].float() - pool["shift"]) * pool["scale"])
        noise = torch.randn_like(x0)
        s = noise_levels(batch, device)
        x = (1 - s[:, None, None]) * x0 + s[:, None, None] * noise
        with self.run.autocast():
            velocity, words, pooled, middle = predict(self.networks, x, s, t5_ids, clip_ids, self.rotary[picture])
            text_loss, text_right = self.heads.read_text(words, pooled, marks, data["facts"][chosen])
            token_loss, token_right = self.heads.read_tokens(middle, data["seen"][chosen])
        flow = (velocity.float() - (noise - x0)).square().mean()
        return flow, text_loss + token_loss, torch.cat([text_right, token_right])

    def text_loss(self, pool, picture, batch):
        data, device = pool[picture], self.run.device
        chosen = torch.randint(len(data["t5"]), (batch,), device=device)
        which = torch.randint(CAPTIONS, (batch,), device=device)
        _, text_encoder, text_encoder_2 = self.networks
        with self.run.autocast():
            words = text_encoder_2(data["t5"][chosen, which].long())[0]
            pooled = text_encoder(data["clip"][chosen, which].long()).pooler_output
            return self.heads.read_text(words, pooled, data["marks"][chosen, which].long(), data["facts"][chosen])

    def learn(self, pool, picture, batch):
        """One step; all on the device, so that it can be a CUDA graph."""
        for p in self.parameters:
            p.grad = None
        flow, hint, right = self.losses(pool, picture, batch)
        (flow + HINTS * self.share * hint).backward()
        torch.nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.muon.step()
        self.adam.step()
        torch._foreach_lerp_(self.averaged, self.weights, 1 - EMA)
        self.figures.copy_(torch.cat([torch.stack([flow, hint]), right]).detach())
        self.flow_sum.add_(flow.detach())

    def average_anew(self):
        torch._foreach_copy_(self.averaged, [p.detach() for p in self.weights])

    @torch.no_grad()
    def sample(self, vae, texts, picture, seed):
        """Pictures [N, 3, H, W] in 0..1 with true CFG against the empty prompt."""
        device, count = self.run.device, len(texts)
        t5_ids, clip_ids = (torch.tensor(ids, device=device) for ids in zip(*(self.words.ids(t) for t in texts + [""] * count)))
        scheduler = folder.make_scheduler()
        scheduler.set_timesteps(sigmas=np.linspace(1.0, 1 / SAMPLE_STEPS, SAMPLE_STEPS), device=device)
        height, width = picture[0] // 8, picture[1] // 8
        x = packed(torch.randn(count, 16, height, width, generator=torch.Generator().manual_seed(seed)).to(device))
        for t in scheduler.timesteps:
            s = (t / 1000).expand(2 * count)
            with self.run.autocast():
                both = predict(self.averages, torch.cat([x, x]), s, t5_ids, clip_ids, self.rotary[picture])[0].float()
            with_text, without = both.chunk(2)
            x = scheduler.step(without + GUIDANCE * (with_text - without), t, x, return_dict=False)[0]
        latents = FluxPipeline._unpack_latents(x, *picture, 8) / vae.config.scaling_factor + vae.config.shift_factor
        with self.run.autocast():
            pictures = torch.cat([vae.decode(part, return_dict=False)[0].float() for part in latents.split(32)])
        return pictures.add(1).div(2).clamp(0, 1)

    def test(self, vae, exam, step):
        """Draws the held-out captions: a contact sheet and a dataset; and, given --score, the shares that ditmesh finds right."""
        drawn = []
        for picture, made in exam.items():
            images = self.sample(vae, [text for text, _ in made], picture, seed=0)
            pixels = (images * 255).round().byte().permute(0, 2, 3, 1).cpu().numpy()
            drawn += [(f"{len(drawn) + i:03}", text, image) for i, ((text, _), image) in enumerate(zip(made, pixels))]
        samples = self.run.work / f"samples-{step:06}"
        scenes.contact_sheet([image for _, _, image in drawn], samples.with_suffix(".png"), columns=12)
        shutil.rmtree(samples, ignore_errors=True)
        write_dataset(samples, drawn)
        if not self.run.args.score:
            return {}
        scored = subprocess.run([self.run.args.score, "score", samples, "--json"], check=True, capture_output=True, text=True).stdout
        found = json.loads(scored)
        return {"captions": len(drawn), "right": found["right"]["share"], **{key: each["share"] for key, each in found["aspects"].items()}}


def train_text(learner, pool, seconds, batch):
    """The text encoders alone learn to tell the facts: quick, and the transformer then begins with words it can use."""
    run, step, spent = learner.run, 0, 0.0
    parameters = [p for n in (*learner.networks[1:], learner.heads) for p in n.parameters()]
    optimizer = run.adamw(parameters, (0.9, 0.98))
    figures = torch.zeros(6, device=run.device)

    def learn(picture):
        optimizer.zero_grad(set_to_none=True)
        loss, right = learner.text_loss(pool, picture, batch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        figures.copy_(torch.cat([loss[None], right]).detach())

    memory = run.graph_pool()
    replays = [run.graphed(lambda picture=picture: learn(picture), memory) for picture in scenes.PICTURES]
    began = time.monotonic()
    while spent < seconds and run.left() > 0:
        run.set_rate(optimizer, TEXT_RATE * min((step + 1) / 100, 0.1 + 0.9 * (1 - spent / seconds)))
        replays[step % len(replays)]()
        if step % (20 if run.args.tiny else 500) == 0:
            run.report(phase="text", step=step, seconds=round(spent, 1), loss=figures[0].item(), **told(figures[1:]))
        step += 1
        if step % 20 == 0:
            run.synchronize()
        spent = time.monotonic() - began
    run.report(phase="text ends", step=step, seconds=round(spent, 1), loss=figures[0].item(), **told(figures[1:]))


def told(right):
    """The hints' answers by name."""
    names = ["told_shape", "told_colour", "told_size", "told_x", "told_y", "seen_shape", "seen_colour"]
    return {name: round(value, 3) for name, value in zip(names, right.tolist())}


def learning_rate(spent, total):
    """The share of the full rate: warm-up, constant, then straight down to (nearly) nothing at the end of all calls."""
    return min(1.0, spent / (0.02 * total) + 0.01, max(0.004, (total - spent) / (0.6 * total)))


def train_flow(run, vae, pool, clip, t5):
    args = run.args
    learner = Learner(run, clip, t5)
    step, spent = 0, 0.0
    batch, each = (8, 2) if args.tiny else (args.batch, 24)
    preparing = time.monotonic()
    if args.compile:
        learner.compile()
    if state := run.load("flow.pt"):
        step, spent = state["step"], state["seconds"]
        for module, weights in zip(learner.modules(), state["modules"]):
            module.load_state_dict(weights)
    else:
        train_text(learner, pool, args.text_seconds, batch)
    exam = {p: scenes.make_scenes(each * (2 if i == 0 else 1), 7, "held-out", p) for i, p in enumerate(scenes.PICTURES)}
    learner.set_share(0.0)
    memory = run.graph_pool()
    replays = {p: run.graphed(lambda p=p: learner.learn(pool, p, batch), memory) for p in scenes.PICTURES}
    learner.flow_sum.zero_()
    run.report(phase="transformer begins", step=step, seconds=round(spent, 1), prepared_in=round(time.monotonic() - preparing, 1))
    total = spent + max(1.0, run.left()) if args.last else args.total_seconds

    def keep():
        run.save("flow.pt", {"modules": [m.state_dict() for m in learner.modules()], "step": step, "seconds": spent})

    torch.manual_seed(args.seed * 1_000_003 + step)
    tested = saved = time.monotonic()
    began = tested - spent
    first, first_at = step, spent
    while run.left() > 0 and spent < total:
        share = learning_rate(spent, total)
        learner.set_share(share)
        replays[random.Random(f"{args.seed} {step}").choices(scenes.PICTURES, scenes.PICTURE_SHARES)[0]]()
        step += 1
        if step == AVERAGED_FROM:
            learner.average_anew()
        if step % 20 == 0:
            run.synchronize()  # so that the clock below tells the truth
        spent = time.monotonic() - began
        if step % (10 if args.tiny else 500) == 0:
            run.report(phase="transformer", step=step, seconds=round(spent, 1), loss=learner.flow_sum.item() / (step - first), rate=share,
                       hints=learner.figures[1].item(), **told(learner.figures[2:]), step_seconds=(spent - first_at) / (step - first))
            learner.flow_sum.zero_()
            first, first_at = step, spent
        now = time.monotonic()
        if now - tested > args.sample_every:
            run.report(phase="tested", step=step, seconds=round(spent, 1), **learner.test(vae, exam, step))
            tested = time.monotonic()
            began += tested - now  # the clock of the training stands still meanwhile
        if now - saved > 200:
            keep()
            saved = time.monotonic()
    run.report(phase="tested", step=step, seconds=round(spent, 1), **learner.test(vae, exam, step))
    keep()
    if args.export:
        folder.save_folder(args.export, *(copy.deepcopy(n).cpu() for n in (vae, *learner.averages)), clip, t5)
        print(f"exported to {args.export}", flush=True)

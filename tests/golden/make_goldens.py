#!/usr/bin/env python3
"""Small random FLUX folders and what diffusers computes from them, stage by stage.

    make_goldens.py                                  all cases, into this folder
    make_goldens.py --to DIR --case dev --heads 6 --layers 3 --seed 7
    make_goldens.py --to DIR --device cuda --dtype bf16   what diffusers computes on a GPU
    make_goldens.py --check                          make them again elsewhere and compare
    make_goldens.py --hf-cache dev/model --to HUB    that folder as the HuggingFace cache keeps it

A case is a folder:
    model/               as diffusers' save_pretrained leaves it (or golden.json's "model" points to another case's, or
                         to a trained model of this repository);
                         a component equal to one of an earlier case is a symlink to it
    golden.json          the call, and the prompts
    golden.safetensors   N samples, S steps, T packed image tokens, C latent channels, L = max_sequence_length
        clip_ids [N, 77], t5_ids [N, L]            int64; negative_... the same of the negative prompts (true CFG)
        pooled [N, width], t5_embedding [N, L, width]
        noise [N, C, H/8, W/8]                     as the generators gave it
        latents_initial [N, T, 4C]                 the same, packed
        sigmas [S+1], timesteps [S]                float32
        step_timestep [N], step_guidance [N]       what the first transformer call got (latents_initial beside it)
        step_output [N, T, 4C]                     what it returned (with true CFG also negative_step_output)
        latents_steps [S, N, T, 4C]                after every step
        latents [N, C, H/8, W/8]                   the last of them, unpacked (before scaling and shift)
        image [N, 3, H, W]                         the decoder's output (some cases)
        pixels [N, H, W, 3]                        uint8
tokenizers.json: texts with the ids of the tokenizer folders it names, without trailing padding: "clip" and "t5", and a
layout's own key (t5_spiece ...) where that layout gives other ids.
"""

import argparse
import filecmp
import hashlib
import importlib.metadata
import json
import os
import random
import shutil
import sys
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("DIFFUSERS_VERBOSITY", "error")
HERE = Path(__file__).resolve().parent


def check_versions():
    for line in (HERE / "requirements.txt").read_text().split():
        name, _, wanted = line.partition("==")
        found = importlib.metadata.version(name)
        if wanted and found.partition("+")[0] != wanted:
            sys.exit(f"make_goldens.py: {name} {found} found, {wanted} needed (tests/golden/requirements.txt)")


check_versions()

import torch  # noqa: E402
from diffusers import AutoencoderKL, FlowMatchEulerDiscreteScheduler, FluxPipeline, FluxTransformer2DModel  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402
from diffusers.utils import logging as diffusers_logging  # noqa: E402
from transformers.utils import logging as transformers_logging  # noqa: E402
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer, T5Config, T5EncoderModel, T5TokenizerFast  # noqa: E402

diffusers_logging.disable_progress_bar()
transformers_logging.disable_progress_bar()
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
EXTRA_IDS = 100
WORDS = """a the of and in on under with holding sign that says hello world red blue green yellow golden old new cat dog
horse child woman man castle river mountain forest tree trees house houses city street night day snow rain light bright
photo painting portrait oil water color flying running jumped quickly beautiful cat's don't we're I'm they'll café naïve
über straße jalapeño Ελλάδα привет мир 日本 東京 猫 안녕 1 2 3 42 2026 , . ! ? - ( ) : " """.split()


@dataclass(frozen=True)
class Sample:
    prompt: str
    seed: int
    guidance: float = 3.5
    negative_prompt: str | None = None


@dataclass(frozen=True)
class Case:
    name: str
    samples: tuple[Sample, ...]
    like: str | None = None  # the case whose model it runs, unchanged
    # the model
    heads: int = 3
    axes: tuple[int, ...] = (2, 2, 4)
    layers: int = 2
    single_layers: int = 3
    guidance_embeds: bool = True
    latent_channels: int = 4
    vae: dict = field(default_factory=dict)
    text_width: int = 24
    scheduler: str = "dev"
    tokenizers: str = "json"  # json: as transformers 5 writes them; slow, hub: as older releases did
    trained: str = ""  # a folder of this repository, instead of random weights
    old_clip: bool = False  # text_encoder as the hub's: weights named text_model..., eos_token_id 2 (and bf16)
    store: str = "fp32"
    shard_size: str | None = None
    # the call
    dtype: str = "fp32"
    height: int = 48
    width: int = 48
    steps: int = 3
    true_cfg: float = 1.0
    max_sequence_length: int = 32
    keep_image: bool = False


CAT = "a red cat holding a sign that says hello world"
CASES = [
    Case("dev", (Sample(CAT, 42),), keep_image=True),
    Case("schnell", (Sample("an old castle under the snow, oil painting", 7, 0.0),), layers=1, single_layers=2,
         guidance_embeds=False, scheduler="schnell", steps=2, store="bf16"),
    Case("true_cfg", (Sample(CAT, 3, 3.5, "blurry, dog"),), like="dev", true_cfg=3.0),
    Case("nonsquare", (Sample("a café by the river, naïve painting", 4294967295),), like="dev", height=48, width=80),
    Case("heads5", (Sample("five dogs", 5),), heads=5, axes=(2, 2, 2), layers=1, single_layers=1, store="bf16"),
    Case("heads7", (Sample("seven dogs and the mountain 日本", 77, 1.5),), heads=7, axes=(2, 2, 2), layers=1,
         single_layers=1, store="bf16", latent_channels=16),
    Case("quant_conv", (Sample("golden light", 8),), keep_image=True,
         vae={"use_quant_conv": True, "use_post_quant_conv": True, "mid_block_add_attention": False,
              "layers_per_block": 2, "block_out_channels": (4, 4, 4, 8)}),
    Case("sharded", (Sample(CAT, 42),), store="bf16", shard_size="32KB"),
    Case("bf16", (Sample(CAT, 42),), like="sharded", dtype="bf16"),
    Case("fp16", (Sample(CAT, 42),), like="dev", dtype="fp16"),
    Case("tokenizer_slow", (Sample("  Ein Café <extra_id_0> at night,\tÜBER the river!  don't ", 9),), tokenizers="slow"),
    Case("hub", (Sample("hello</s> <|StartOfText|> 👩‍👩‍👧 world <extra_id_7> !", 10),), tokenizers="hub", old_clip=True),
    Case("shapes", (Sample("a small red circle above a large blue square on a yellow background", 3, 3.5, ""),), trained="models/shapes",
         height=192, width=320, steps=4, true_cfg=3.0, max_sequence_length=64),
    Case("batch", (Sample(CAT, 11, 3.5), Sample("the mountain at night", 12, 7.0), Sample("", 13, 1.0)), like="dev"),
]


# --- the model ----------------------------------------------------------------------------------------------------


def fill(module, seed):
    """Every parameter drawn anew, norms and biases too, so that no two can be mistaken for each other."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in sorted(module.named_parameters()):
            x = torch.randn(p.shape, generator=generator)
            if p.dim() >= 2:
                is_table = "embed_tokens" in name or "shared" in name or "_embedding.weight" in name
                p.copy_(x if is_table else x / (p[0].numel() ** 0.5))
            elif name.endswith("bias"):
                p.copy_(0.1 * x)
            else:
                p.copy_(1 + 0.2 * x)
    return module.eval()


def b_symbols():
    """GPT-2's printable symbol for each byte."""
    kept = [*range(33, 127), *range(161, 173), *range(174, 256)]
    rest = [b for b in range(256) if b not in kept]
    return [chr(b) for b in kept] + [chr(256 + i) for i in range(len(rest))]


def training_text(seed):
    r = random.Random(seed)
    return [" ".join(r.choices(WORDS, k=r.randint(3, 12))) for _ in range(2000)]


def make_clip_files(folder, seed):
    """vocab.json and merges.txt with a hundred merges, trained on the words above."""
    from tokenizers import Tokenizer, models, trainers

    empty = CLIPTokenizer()
    tokenizer = Tokenizer(models.BPE(end_of_word_suffix="</w>", continuing_subword_prefix=""))
    tokenizer.normalizer = empty.backend_tokenizer.normalizer
    tokenizer.pre_tokenizer = empty.backend_tokenizer.pre_tokenizer
    tokenizer.train_from_iterator(training_text(seed), trainers.BpeTrainer(
        vocab_size=450, end_of_word_suffix="</w>", initial_alphabet=b_symbols(), special_tokens=[], show_progress=False))
    merges = [tuple(m) for m in json.loads(tokenizer.to_str())["model"]["merges"]][:100]
    symbols = b_symbols()
    vocab = symbols + [s + "</w>" for s in symbols] + ["".join(m) for m in merges] + ["<|startoftext|>", "<|endoftext|>"]
    vocab = list(dict.fromkeys(vocab))
    folder.mkdir(parents=True)
    (folder / "vocab.json").write_text(json.dumps({s: i for i, s in enumerate(vocab)}, ensure_ascii=False))
    (folder / "merges.txt").write_text("#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in merges))
    return len(vocab)


def make_t5_files(folder, seed):
    """spiece.model as T5 has it: Unigram, nmt_nfkc, <pad> 0, </s> 1, <unk> 2."""
    import io

    import sentencepiece

    folder.mkdir(parents=True)
    model = io.BytesIO()  # a model_prefix would be written into the model
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(training_text(seed)), model_writer=model, model_type="unigram",
        vocab_size=300, hard_vocab_limit=False, pad_id=0, eos_id=1, unk_id=2, bos_id=-1, byte_fallback=False,
        normalization_rule_name="nmt_nfkc", num_threads=1, minloglevel=2)
    (folder / "spiece.model").write_bytes(model.getvalue())
    return sentencepiece.SentencePieceProcessor(model_proto=model.getvalue()).get_piece_size() + EXTRA_IDS


def flags(content, **changes):
    return {"content": content, "lstrip": False, "normalized": False, "rstrip": False, "single_word": False, **changes}


def write_json(path, value):
    path.write_text(json.dumps(value, indent=1 if len(str(value)) < 4000 else None) + "\n")


def old_clip_configs(folder, size):
    """What transformers 4 wrote beside vocab.json and merges.txt."""
    start, end = flags("<|startoftext|>", normalized=True), flags("<|endoftext|>")
    write_json(folder / "special_tokens_map.json",
               {"bos_token": start, "eos_token": end, "pad_token": "<|endoftext|>", "unk_token": end})
    write_json(folder / "tokenizer_config.json", {
        "add_prefix_space": False,
        "added_tokens_decoder": {str(size - 2): {**start, "special": True}, str(size - 1): {**end, "special": True}},
        "bos_token": "<|startoftext|>", "clean_up_tokenization_spaces": True, "do_lower_case": True,
        "eos_token": "<|endoftext|>", "errors": "replace", "model_max_length": 77, "pad_token": "<|endoftext|>",
        "tokenizer_class": "CLIPTokenizer", "unk_token": "<|endoftext|>"})


def old_t5_configs(folder, size):
    """What transformers 4 wrote beside spiece.model: the sentinels swallow the spaces around them."""
    names = [f"<extra_id_{i}>" for i in range(EXTRA_IDS)]
    added = {str(i): {**flags(s), "special": True} for i, s in enumerate(["<pad>", "</s>", "<unk>"])}
    for i, s in reversed(list(enumerate(names))):
        added[str(size - 1 - i)] = {**flags(s, lstrip=True, rstrip=True), "special": True}
    write_json(folder / "special_tokens_map.json", {
        "additional_special_tokens": [flags(s, lstrip=True, rstrip=True) for s in names],
        "eos_token": flags("</s>"), "pad_token": flags("<pad>"), "unk_token": flags("<unk>")})
    write_json(folder / "tokenizer_config.json", {
        "add_prefix_space": True, "added_tokens_decoder": added, "additional_special_tokens": names,
        "clean_up_tokenization_spaces": True, "eos_token": "</s>", "extra_ids": EXTRA_IDS, "legacy": True,
        "model_max_length": 512, "pad_token": "<pad>", "sp_model_kwargs": {}, "tokenizer_class": "T5Tokenizer",
        "unk_token": "<unk>"})


def make_model(case, folder, seed):
    """The folder as save_pretrained leaves it. Components come from their own seeds: equal settings, equal files."""
    with tempfile.TemporaryDirectory() as scratch:
        raw = Path(scratch)
        clip_size = make_clip_files(raw / "tokenizer", seed)
        t5_size = make_t5_files(raw / "tokenizer_2", seed)
        write_json(raw / "tokenizer/tokenizer_config.json", {"model_max_length": 77, "tokenizer_class": "CLIPTokenizer"})
        write_json(raw / "tokenizer_2/tokenizer_config.json", {"model_max_length": 512, "tokenizer_class": "T5Tokenizer"})
        tokenizer = CLIPTokenizer.from_pretrained(raw / "tokenizer")
        tokenizer_2 = T5TokenizerFast.from_pretrained(raw / "tokenizer_2")

        width = case.text_width
        text_encoder = fill(CLIPTextModel(CLIPTextConfig(
            vocab_size=clip_size, hidden_size=width, intermediate_size=2 * width, projection_dim=width,
            num_hidden_layers=2, num_attention_heads=4, max_position_embeddings=77, hidden_act="quick_gelu",
            bos_token_id=clip_size - 2, eos_token_id=clip_size - 1, pad_token_id=clip_size - 1)), seed + 1)
        text_encoder_2 = fill(T5EncoderModel(T5Config(
            vocab_size=t5_size, d_model=width, d_kv=8, d_ff=2 * width, num_layers=2, num_heads=4,
            feed_forward_proj="gated-gelu", relative_attention_num_buckets=8, relative_attention_max_distance=20,
            tie_word_embeddings=False)), seed + 2)
        transformer = fill(FluxTransformer2DModel(
            in_channels=4 * case.latent_channels, num_layers=case.layers, num_single_layers=case.single_layers,
            attention_head_dim=sum(case.axes), num_attention_heads=case.heads, joint_attention_dim=width,
            pooled_projection_dim=width, guidance_embeds=case.guidance_embeds, axes_dims_rope=case.axes), seed + 3)
        vae = fill(AutoencoderKL(**{
            "down_block_types": ("DownEncoderBlock2D",) * 4, "up_block_types": ("UpDecoderBlock2D",) * 4,
            "block_out_channels": (4, 4, 8, 8), "layers_per_block": 1, "norm_num_groups": 4, "sample_size": 32,
            "latent_channels": case.latent_channels, "scaling_factor": 0.3611, "shift_factor": 0.1159,
            "use_quant_conv": False, "use_post_quant_conv": False, **case.vae}), seed + 4)
        scheduler = FlowMatchEulerDiscreteScheduler(shift=3.0, use_dynamic_shifting=True, base_shift=0.5, max_shift=1.15,
                                                    base_image_seq_len=256, max_image_seq_len=4096)
        if case.scheduler == "schnell":
            scheduler = FlowMatchEulerDiscreteScheduler(shift=1.0, use_dynamic_shifting=False)

        pipe = FluxPipeline(scheduler, vae, text_encoder, tokenizer, text_encoder_2, tokenizer_2, transformer)
        if case.store != "fp32":
            pipe.to(DTYPES[case.store])
        pipe.save_pretrained(folder, **({"max_shard_size": case.shard_size} if case.shard_size else {}))

        if case.old_clip:
            text_encoder.bfloat16().save_pretrained(folder / "text_encoder")
            file = folder / "text_encoder/model.safetensors"
            save_file({"text_model." + k: v for k, v in load_file(file).items()}, file, {"format": "pt"})
            config = json.loads((folder / "text_encoder/config.json").read_text())
            write_json(folder / "text_encoder/config.json", {**config, "bos_token_id": 0, "eos_token_id": 2, "pad_token_id": 1})

        if case.tokenizers != "json":
            if case.tokenizers == "slow":
                shutil.rmtree(folder / "tokenizer_2")
                (folder / "tokenizer_2").mkdir()
            shutil.rmtree(folder / "tokenizer")
            (folder / "tokenizer").mkdir()
            for name in ("tokenizer/vocab.json", "tokenizer/merges.txt", "tokenizer_2/spiece.model"):
                shutil.copy(raw / name, folder / name)
            old_clip_configs(folder / "tokenizer", clip_size)
            old_t5_configs(folder / "tokenizer_2", t5_size)


def link_equal_files(root, folder, earlier):
    """A component equal to one of an earlier case becomes a link to it; so does a single large file."""
    def same(a, b):
        names = sorted(p.name for p in a.iterdir())
        return names == sorted(p.name for p in b.iterdir()) and not filecmp.cmpfiles(a, b, names, shallow=False)[1]

    def link(path, target):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
        path.symlink_to(os.path.relpath(target.resolve(), path.parent))

    for component in sorted(p for p in folder.iterdir() if p.is_dir()):
        others = [root / e / "model" / component.name for e in earlier]
        others = [o for o in others if o.is_dir()]
        whole = next((o for o in others if same(component, o)), None)
        if whole:
            link(component, whole)
            continue
        for file in sorted(component.iterdir()):
            twin = next((o / file.name for o in others if (o / file.name).is_file()
                         and filecmp.cmp(file, o / file.name, shallow=False)), None)
            if twin and file.stat().st_size > 4096:
                link(file, twin)


# --- what diffusers makes of it -----------------------------------------------------------------------------------


def run(pipe, case, samples):
    """One call of the real pipeline, its stages recorded by hooks."""
    seen = {"calls": [], "embeds": [], "steps": []}
    guidance = torch.tensor([s.guidance for s in samples])

    def set_guidance(module, args, kwargs):
        # The pipeline takes one guidance for all; the transformer takes one each.
        if kwargs["guidance"] is not None:
            kwargs["guidance"] = guidance.to(kwargs["guidance"])
        return args, kwargs

    def keep_call(module, args, kwargs, output):
        seen["calls"].append((kwargs, output[0]))

    def keep_step(pipe, i, t, tensors):
        seen["steps"].append(tensors["latents"])
        return {}

    encode, decode = pipe.encode_prompt, pipe.vae.decode

    def keep_embeds(*args, **kwargs):
        seen["embeds"].append(encode(*args, **kwargs))
        return seen["embeds"][-1]

    def keep_decode(latents, **kwargs):
        seen["image"] = decode(latents, **kwargs)[0]
        return (seen["image"],)

    hooks = [pipe.transformer.register_forward_pre_hook(set_guidance, with_kwargs=True),
             pipe.transformer.register_forward_hook(keep_call, with_kwargs=True)]
    pipe.encode_prompt, pipe.vae.decode = keep_embeds, keep_decode
    negative = [s.negative_prompt for s in samples] if case.true_cfg > 1 else None
    images = pipe(
        prompt=[s.prompt for s in samples], negative_prompt=negative, true_cfg_scale=case.true_cfg,
        guidance_scale=samples[0].guidance, height=case.height, width=case.width, num_inference_steps=case.steps,
        max_sequence_length=case.max_sequence_length, callback_on_step_end=keep_step,
        generator=[torch.Generator("cpu").manual_seed(s.seed) for s in samples]).images
    for hook in hooks:
        hook.remove()
    pipe.encode_prompt, pipe.vae.decode = encode, decode

    call, output = seen["calls"][0]
    channels = pipe.transformer.config.in_channels // 4
    shape = (1, channels, case.height // 8, case.width // 8)
    noise = torch.cat([torch.randn(shape, generator=torch.Generator("cpu").manual_seed(s.seed), dtype=call["hidden_states"].dtype)
                       for s in samples])
    latents = seen["steps"][-1]
    tensors = {
        **ids(pipe, [s.prompt for s in samples], case.max_sequence_length),
        "t5_embedding": seen["embeds"][0][0], "pooled": seen["embeds"][0][1],
        "noise": noise, "latents_initial": call["hidden_states"],
        "sigmas": pipe.scheduler.sigmas.float(), "timesteps": pipe.scheduler.timesteps.float(),
        "step_timestep": call["timestep"], "step_output": output,
        "latents_steps": torch.stack(seen["steps"]),
        "latents": pipe._unpack_latents(latents, case.height, case.width, pipe.vae_scale_factor),
        "pixels": torch.stack([torch.frombuffer(bytearray(i.tobytes()), dtype=torch.uint8).view(i.height, i.width, 3)
                               for i in images]),
    }
    assert torch.equal(pipe._pack_latents(noise, len(samples), channels, *shape[2:]), call["hidden_states"].cpu())
    if call["guidance"] is not None:
        tensors["step_guidance"] = call["guidance"]
    if negative:
        tensors |= {f"negative_{k}": v for k, v in ids(pipe, negative, case.max_sequence_length).items()}
        tensors |= {"negative_t5_embedding": seen["embeds"][1][0], "negative_pooled": seen["embeds"][1][1],
                    "negative_step_output": seen["calls"][1][1]}
    if case.keep_image:
        tensors["image"] = seen["image"]
    return {k: v.detach().cpu().contiguous().clone() for k, v in tensors.items()}


def ids(pipe, prompts, length):
    """As FluxPipeline calls its tokenizers."""
    def of(tokenizer, max_length):
        return tokenizer(prompts, padding="max_length", max_length=max_length, truncation=True, return_tensors="pt").input_ids
    return {"clip_ids": of(pipe.tokenizer, pipe.tokenizer_max_length), "t5_ids": of(pipe.tokenizer_2, length)}


def relative(a, b):
    return ((a.float() - b.float()).abs().max() / b.float().abs().max()).item()


def make_case(case, root, earlier, seed, device):
    folder = root / case.name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    model = HERE.parent.parent / case.trained if case.trained else root / (case.like or case.name) / "model"
    if not case.like and not case.trained:
        make_model(case, model, seed)
        link_equal_files(root, model, earlier)

    pipe = FluxPipeline.from_pretrained(model, dtype=DTYPES[case.dtype]).to(device)
    pipe.set_progress_bar_config(disable=True)
    tensors = run(pipe, case, case.samples)
    if len(case.samples) > 1:  # a batch is its samples
        for i, sample in enumerate(case.samples):
            alone = run(pipe, case, (sample,))
            difference = relative(tensors["latents"][i:i + 1], alone["latents"])
            assert difference < ((1e-5 if device == "cpu" else 1e-4) if case.dtype == "fp32" else 5e-2), f"{case.name}: sample {i} alone differs by {difference}"
    save_file(tensors, folder / "golden.safetensors")
    write_json(folder / "golden.json", {
        "model": os.path.relpath(model, folder), "dtype": case.dtype, "height": case.height, "width": case.width,
        "steps": case.steps, "true_cfg": case.true_cfg, "max_sequence_length": case.max_sequence_length,
        "t5_wo_dtype": str(pipe.text_encoder_2.encoder.block[0].layer[1].DenseReluDense.wo.weight.dtype).removeprefix("torch."),
        "samples": [{"prompt": s.prompt, "negative_prompt": s.negative_prompt, "seed": s.seed, "guidance": s.guidance}
                    for s in case.samples]})
    spread = tensors["pixels"].float()
    print(f"{case.name}: pixels {spread.mean():.0f} ± {spread.std():.0f}, latents up to {tensors['latents'].abs().max():.2f}")


# --- tokenizers ---------------------------------------------------------------------------------------------------


def texts():
    fixed = [
        "", " ", "   ", "\t", "\n", "a", " a", "a ", "  a  b  ", "hello world", "Hello World", "HELLO WORLD", "a\tb\nc\r\nd\re",
        "a\u00a0b", "\u00a0", "a\u3000b", "a\u2003b\u2009c\u200ad", "a\u2028b\u2029c", "a\u0085b", "a\x0bb\x0cc", "a\x1cb\x1dc\x1ed\x1fe",
        "a\u200bb", "\u200b", "a\u200cb\u200dc", "\ufeffhello", "hello\ufeff", "a\u2060b", "a\u180eb", "a\u00adb",
        "\x00", "a\x00b", "\x01\x02", "a\x01b", "\x7f", "a\x7fb", "\x1b[31m red", "\x80\x9f", "\ue000 private", "\ufffd", "\uffff", "\U0010ffff",
        "café", "cafe\u0301", "CAFÉ", "naïve über straße", "NAÏVE ÜBER STRASSE ẞ", "a\u0301\u0327", "a\u0327\u0301", "q\u0323\u0307", "q\u0307\u0323",
        "\u0301", "\u0301a", " \u0301a", "e\u0301\u0302\u0303\u0304\u0305", "Å \u212b A\u030a", "Ω \u2126", "ñ n\u0303", "ﬁ ﬂ ﬀ ﬃ ﬅ", "ﬁ\u0301", "a\u034fb",
        "İstanbul", "ISTANBUL ıi İI", "i\u0307", "ΑΣ ΣΑΣ Σ", "ΟΔΥΣΣΕΥΣ", "ǅ ǈ ǋ Ǆ", "Ά ΐ", "ĳ Ĳ ŉ", "ſ", "ａｂｃ ＡＢＣ １２３", "！＂＃", "ﾊﾝｶｸ ｶﾞ", "㌀ ㍿ ㎏", "℡ ™ ℠ ℃",
        "日本 東京 猫", "日本語のテキスト、句読点。", "中文字符測試", "안녕하세요", "\u1112\u1161\u11ab\u1100\u1173\u11af", "\u1100\u1161", "가\u11a8", "\u3131\u314f", "か\u3099 が", "は\u309a",
        "ภาษาไทย", "हिन्दी क्षि", "தமிழ் நி", "বাংলা কো", "ಕೊ", "മലയാളം", "ලංකා", "မြန်မာ", "བོད", "ខ្មែរ", "አማርኛ", "ქართული ᲥᲐ", "ՀԱՅԵՐԵՆ և",
        "שלום עולם", "שָׁלוֹם", "مرحبا بالعالم", "مَرْحَبًا", "\u202eabc\u202c", "\u200fabc\u200e", "\u0600\u0661", "\u06dda", "ﷺ ﷲ", "привет мир", "ПРИВЕТ МИР", "Й и\u0306",
        "1", "12", "123", "1234567890", "3.14 1,000", "x2 2x", "١٢٣", "१२३", "一二三", "Ⅷ ⅷ ↀ", "① ⑳ ⓐ Ⓐ", "½ ⅓ ⁴ ₄ x² H₂O", "𝟏𝟐𝟑", "𝐀𝐁𝐂 𝓐𝓫 𝕬", "𐐀𐐨", "𞤀𞤢", "ᏣᎳᎩ ꭰ",
        "€ $ £ ¥ ₹ ₿", "+-*/=<>", "!!!", "...", "…", "a.b,c;d", "(a) [b] {c}", "«a» “b” ‘c’", "a-b a–b a—b a‐b", "~~ ~ ～", "# @ % & ^ _ ` |", "\\", "\"", "C:\\dir", "a/b", "x__y", "▁", "a▁b", "▁a", "▁▁a", "a ▁ b", "a▁",
        "😀", "😀😀 😀", "👍🏽", "👨‍👩‍👧‍👦", "👩🏿‍🚀", "🇩🇪🇫🇷", "🇩", "❤️ ❤", "1️⃣ #️⃣", "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f", "☃︎", "🧑‍💻 codes",
        "cat's", "CAT'S", "don't", "we're I'm they'll I've he'd", "'s", "''s", "!'s", "'S 'T 'RE", "’s", "o'clock", "'tis", "rock'n'roll", "'", "' s", "it's's", "'llama",
        "<|endoftext|>", "a<|endoftext|>b", "<|startoftext|> a", "<|ENDOFTEXT|>!", "<|StartOfText|>!", "!<|endoftext|>!", "<|endoftext", "< |endoftext|>", "<|endoftext|><|endoftext|>", "<|startoftext|>'s",
        "</s>", "a</s>b", "a </s> b", "<pad>", "x<pad>y", "<unk>", "q<unk>q", "<s>", "<extra_id_0>", "hello <extra_id_0> world", "a<extra_id_99>b", "<extra_id_100>", " <extra_id_1>  <extra_id_2> ", "<EXTRA_ID_0>", "</S>",
        "＜/s＞", "＜pad＞ ＜unk＞a", "a＜extra_id_0＞", "＜|endoftext|＞", "<\u200b/s>", "\u0338<", "<\u0338/s>", "=\u0338", "\r\n", "\n\r", "a\r\u0301b", " \u0301", "\u00a0\u0301", "a\u200d\u0301",
        "\u1e9b\u0323", "\u0344", "\u0f73", "\u2adc", "\u1d15e", "\U0001d15e", "豈 更", "\u0340\u0341\u0343", "a\u07fdb\u0327", "\u0c3c\u0301", "𑤸", "\u1c89\ua7cb", "\U00010d50", "\U0002ebf0 \U00031350",
        "supercalifragilisticexpialidocious" * 3, "x" * 200, "ab" * 150, "ö" * 100, "日" * 150, "1" * 120, "😀" * 90, "!" * 300, "a " * 200, "the red cat " * 250, "ÀÉÎõü " * 500, ("quick brown \u00a0 fox, " * 150)[:3000],
        "\U0001f468\u200d", "\u0e33", "ำ", "ຳ", "\u0dd9\u0dcf", "ꯍꯥ", "𓀀𓁐", "𒀀", "a\u20dd", "x\u0335y", "Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢L̠ͨͧͩ͘G̴̻͈͍͔̹̑͗̎̅͛́Ǫ̵̹̻̝̳͂̌̌͘!͖̬̰̙̗̿̋ͥͥ̂ͣ̐́́͜͞",
    ]
    r = random.Random(20240501)
    ranges = [(0x20, 0x7e), (0, 0x1f), (0x80, 0x24f), (0x300, 0x36f), (0x370, 0x58f), (0x590, 0x7bf), (0x900, 0xdff), (0xe00, 0xfff),
              (0x1100, 0x11ff), (0x1e00, 0x1fff), (0x2000, 0x206f), (0x2070, 0x24ff), (0x3000, 0x33ff), (0x4e00, 0x4fff),
              (0xac00, 0xacff), (0xf900, 0xffef), (0x1d400, 0x1d7ff), (0x1f1e6, 0x1f1ff), (0x1f300, 0x1f64f), (0x1f3fb, 0x1f3ff), (0xfe00, 0xfe0f)]
    pieces = ["hello", " ", "  ", "cat's", "'s", "\r\n", "\u200d", "\u0301", "ﬁ", "<|endoftext|>", "</s>", "<extra_id_3>", "the", "red", "12", "!"]
    for _ in range(80):
        out = []
        for _ in range(r.randint(1, 10)):
            low, high = r.choice(ranges)
            out.append(r.choice(pieces) if r.random() < 0.5 else "".join(chr(r.randint(low, high)) for _ in range(r.randint(1, 3))))
        fixed.append("".join(out))
    return list(dict.fromkeys(fixed))


def make_tokenizers(root):
    """Per text the ids, without trailing padding, of "clip" and "t5"; a layout's own key where its ids are others."""
    layouts = {"clip_json": ("clip", CLIPTokenizer, "dev/model/tokenizer", 77),
               "clip_vocab_merges": ("clip", CLIPTokenizer, "tokenizer_slow/model/tokenizer", 77),
               "t5_json": ("t5", T5TokenizerFast, "dev/model/tokenizer_2", 128),
               "t5_spiece": ("t5", T5TokenizerFast, "tokenizer_slow/model/tokenizer_2", 128)}
    rows = [{"text": t} for t in texts()]
    for name, (kind, cls, folder, length) in layouts.items():
        tokenizer = cls.from_pretrained(root / folder)
        for row in rows:
            got = tokenizer([row["text"]], padding="max_length", max_length=length, truncation=True)
            ids = got.input_ids[0][:sum(got.attention_mask[0])]
            if row.setdefault(kind, ids) != ids:
                row[name] = ids
    head = {name: {"kind": kind, "folder": folder, "max_length": length}
            for name, (kind, _, folder, length) in layouts.items()}
    with open(root / "tokenizers.json", "w") as out:
        out.write('{"layouts": ' + json.dumps(head) + ',\n "texts": [\n')
        out.write(",\n".join(json.dumps(row, separators=(",", ":")) for row in rows) + "\n]}\n")
    others = sum(len(row) > 3 for row in rows)
    print(f"tokenizers.json: {len(rows)} texts, {others} of them with other ids in another layout")


# --- the rest -----------------------------------------------------------------------------------------------------


def make_hf_cache(model, hub, name):
    """models--ORG--NAME/{blobs,refs,snapshots}: the files are links into blobs, as huggingface_hub leaves them."""
    repo = hub / ("models--" + name.replace("/", "--"))
    revision = hashlib.sha1(name.encode()).hexdigest()
    for path in sorted(model.rglob("*")):
        real = Path(os.path.realpath(path))
        for source in ([real] if real.is_file() else [p for p in real.iterdir() if path.is_symlink() and p.is_file()]):
            relative_path = (path if real.is_file() else path / source.name).relative_to(model)
            blob = repo / "blobs" / hashlib.sha256(source.read_bytes()).hexdigest()
            blob.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, blob)
            link = repo / "snapshots" / revision / relative_path
            link.parent.mkdir(parents=True, exist_ok=True)
            if not link.is_symlink():
                link.symlink_to(os.path.relpath(blob, link.parent))
    (repo / "refs").mkdir(exist_ok=True)
    (repo / "refs/main").write_text(revision)
    print(repo)


def compare(root, committed, names):
    """Other machines round differently: equal means ≤1e-4 relative (16-bit: 2e-2), ids and JSON exactly."""
    wrong = 0
    for name in names:
        new, old = load_file(root / name / "golden.safetensors"), load_file(committed / name / "golden.safetensors")
        new_call, old_call = (json.loads((where / name / "golden.json").read_text()) for where in (root, committed))
        exact = {**new_call, "model": ""} == {**old_call, "model": ""}  # where a trained model is depends on the place
        limit = 1e-4 if new_call["dtype"] == "fp32" else 2e-2
        worst = max((relative(new[k], old[k]), k) for k in new if k != "pixels") if new.keys() == old.keys() else (9, "keys")
        ok = exact and worst[0] <= limit and torch.equal(new["t5_ids"], old["t5_ids"]) and torch.equal(new["clip_ids"], old["clip_ids"])
        wrong += not ok
        print(f"{name}: {'equal' if ok else 'DIFFERENT'} (largest difference {worst[0]:.1e}, {worst[1]})")
    if (root / "tokenizers.json").exists() and (root / "tokenizers.json").read_bytes() != (committed / "tokenizers.json").read_bytes():
        wrong += 1
        print("tokenizers.json: DIFFERENT")
    return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--to", type=Path, default=HERE, help="where to write (default: this folder)")
    parser.add_argument("--case", action="append", choices=[c.name for c in CASES], help="only this case (repeatable)")
    parser.add_argument("--seed", type=int, default=0, help="of the weights and the vocabularies")
    parser.add_argument("--device", default="cpu", help="where diffusers runs (cpu or cuda)")
    parser.add_argument("--check", action="store_true", help="make them in a scratch folder and compare with this one")
    parser.add_argument("--hf-cache", type=Path, metavar="MODEL", help="lay MODEL out as the HuggingFace cache does, in --to")
    parser.add_argument("--name", default="ditmesh/tiny-flux", help="the repository's name there")
    over = parser.add_argument_group("other shapes (every case made)")
    over.add_argument("--heads", type=int)
    over.add_argument("--axes", type=lambda s: tuple(map(int, s.split(","))), help="rotary axes, e.g. 16,56,56; head width = sum")
    over.add_argument("--hidden", type=int, help="instead of --heads: hidden size, a multiple of the head width")
    over.add_argument("--layers", type=int)
    over.add_argument("--single-layers", type=int)
    over.add_argument("--latent-channels", type=int)
    over.add_argument("--text-width", type=int)
    over.add_argument("--height", type=int)
    over.add_argument("--width", type=int)
    over.add_argument("--steps", type=int)
    over.add_argument("--max-sequence-length", type=int)
    over.add_argument("--store", choices=DTYPES)
    over.add_argument("--dtype", choices=DTYPES)
    args = parser.parse_args()
    torch.backends.cudnn.allow_tf32 = False
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))

    if args.hf_cache:
        make_hf_cache(args.hf_cache, args.to, args.name)
        return 0
    shapes = {k: v for k in ("heads", "axes", "layers", "single_layers", "latent_channels", "text_width", "height", "width",
                             "steps", "max_sequence_length", "store", "dtype") if (v := getattr(args, k)) is not None}
    if args.hidden:
        head_width = sum(args.axes or CASES[0].axes)
        if args.hidden % head_width:
            parser.error(f"--hidden {args.hidden} is no multiple of the head width {head_width} (the sum of --axes)")
        shapes["heads"] = args.hidden // head_width
    if (shapes or args.device != "cpu") and args.to.resolve() == HERE:
        parser.error("other shapes and devices need --to DIR")

    wanted = {c.name for c in CASES if not args.case or c.name in args.case}
    wanted |= {c.like for c in CASES if c.name in wanted and c.like}
    cases = [replace(c, **shapes) for c in CASES if c.name in wanted and not (shapes and c.trained)]
    root = Path(tempfile.mkdtemp()) if args.check else args.to
    made = []
    for case in cases:
        make_case(case, root, made, args.seed, args.device)
        made.append(case.name)
    if {"dev", "tokenizer_slow"} <= wanted and not args.case:
        make_tokenizers(root)
    if args.check:
        wrong = compare(root, args.to, made)
        shutil.rmtree(root)
        return 1 if wrong else 0
    return 0


if __name__ == "__main__":
    sys.exit(main())

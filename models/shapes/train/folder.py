"""The diffusers folder: tokenizers and models in FLUX.1's layout, small.

    folder.py --to DIR     a folder with untrained weights, to look at its files and sizes
"""

import argparse
import json
import shutil
import tempfile
from pathlib import Path

import torch
from diffusers import AutoencoderKL, FlowMatchEulerDiscreteScheduler, FluxPipeline, FluxTransformer2DModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer, T5Config, T5EncoderModel, T5TokenizerFast

import scenes

CLIP_LENGTH, T5_LENGTH = 77, 64
SENTINELS = 100  # T5's <extra_id_0> ... as in FLUX.1's tokenizer_2
CHARACTERS = [chr(i) for i in range(33, 127)]


def vocabulary():
    """Words of the captions, the commonest first; the same at every call."""
    counts = {}
    for text, _ in scenes.make_scenes(6000, "vocabulary"):
        for word in "".join(c if c.isalpha() else " " for c in text).split():
            counts[word] = counts.get(word, 0) + 1
    return sorted(counts, key=lambda word: (-counts[word], word))


# --- tokenizers ---------------------------------------------------------------------------------------------------


def byte_symbols():
    """GPT-2's printable symbol for each byte."""
    kept = [*range(33, 127), *range(161, 173), *range(174, 256)]
    rest = [b for b in range(256) if b not in kept]
    return [chr(b) for b in kept] + [chr(256 + i) for i in range(len(rest))]


def learn_merges(words):
    """Merges until every word is one token: the commonest pair of neighbours first, by name among equals."""
    cut = [[*word[:-1], word[-1] + "</w>"] for word in words]
    merges = []
    while any(len(word) > 1 for word in cut):
        counts = {}
        for word in cut:
            for neighbours in zip(word, word[1:]):
                counts[neighbours] = counts.get(neighbours, 0) + 1
        left, right = min(counts, key=lambda neighbours: (-counts[neighbours], neighbours))
        merges.append((left, right))
        for word in cut:
            i = 0
            while i + 1 < len(word):
                if (word[i], word[i + 1]) == (left, right):
                    word[i:i + 2] = [left + right]
                i += 1
    return merges


def write_clip_files(folder, words):
    """vocab.json and merges.txt; CLIP reads in lower case."""
    merges = learn_merges(sorted({word.lower() for word in words}))
    symbols = byte_symbols()
    vocab = symbols + [s + "</w>" for s in symbols] + ["".join(m) for m in merges] + ["<|startoftext|>", "<|endoftext|>"]
    vocab = list(dict.fromkeys(vocab))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps({s: i for i, s in enumerate(vocab)}, ensure_ascii=False))
    (folder / "merges.txt").write_text("#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in merges))


def make_tokenizers():
    words = vocabulary()
    with tempfile.TemporaryDirectory() as scratch:
        write_clip_files(Path(scratch), words)
        clip = CLIPTokenizer.from_pretrained(scratch, model_max_length=CLIP_LENGTH)
    # A known word costs less than its letters, so that the best cut is the word itself.
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("\u2581", -6.0)]
    pieces += [("\u2581" + word, -3.0) for word in words] + [(c, -5.0) for c in CHARACTERS]
    pieces += [(f"<extra_id_{i}>", 0.0) for i in reversed(range(SENTINELS))]
    t5 = T5TokenizerFast(vocab=pieces, extra_ids=SENTINELS, model_max_length=T5_LENGTH)
    return clip, t5


class Words:
    """Ids of captions, word by word from a cache: much faster than the tokenizers and equal to them on captions."""

    def __init__(self, clip, t5):
        self.clip, self.t5, self.cache = clip, t5, {}

    def cut(self, word):
        if word not in self.cache:
            self.cache[word] = (self.t5(word).input_ids[:-1], self.clip(word).input_ids[1:-1])
        return self.cache[word]

    def ids(self, text):
        """T5's and CLIP's ids, padded, as FluxPipeline makes them."""
        clip, t5 = [self.clip.bos_token_id], []
        for word in text.split():
            t5 += self.cut(word)[0]
            clip += self.cut(word)[1]
        t5 = t5[:T5_LENGTH - 1] + [self.t5.eos_token_id]
        clip = clip[:CLIP_LENGTH - 1] + [self.clip.eos_token_id]
        return (t5 + [self.t5.pad_token_id] * (T5_LENGTH - len(t5)),
                clip + [self.clip.pad_token_id] * (CLIP_LENGTH - len(clip)))

    def marks(self, text, scene):
        """For each T5 token what it tells of: 0, 1, 2 an object (its colour and shape), 3 the background, -1 nothing."""
        objects = {o["colour"]: i for i, o in enumerate(scene["objects"])}
        marks, last = [], -1
        for word in text.split():
            known = word.strip(".,:").lower()
            if known in scenes.COLOURS:
                last = objects.get(known, 3)
                mark = last
            else:
                mark = last if known in scenes.SHAPES or known == "background" else -1
            marks += [mark] + [-1] * (len(self.cut(word)[0]) - 1)
        marks = marks[:T5_LENGTH - 1]
        return marks + [-1] * (T5_LENGTH - len(marks))


# --- models -------------------------------------------------------------------------------------------------------


def make_autoencoder(tiny=False):
    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(8, 8, 16, 16) if tiny else (32, 64, 96, 96), layers_per_block=1, norm_num_groups=8 if tiny else 16,
        latent_channels=16, sample_size=256, use_quant_conv=False, use_post_quant_conv=False)


def make_models(clip, t5, tiny=False):
    """Transformer and text encoders, freshly initialised."""
    width, text_width, pooled_width = (40, 32, 32) if tiny else (240, 256, 128)
    heads = 2 if tiny else 12  # twelve divide by 2, 3, 4 and 6
    transformer = FluxTransformer2DModel(
        in_channels=64, num_layers=1 if tiny else 2, num_single_layers=1 if tiny else 6, num_attention_heads=heads,
        attention_head_dim=width // heads, axes_dims_rope=(4, 8, 8), joint_attention_dim=text_width,
        pooled_projection_dim=pooled_width, guidance_embeds=False)
    start_as_identity(transformer)
    text_encoder = CLIPTextModel(CLIPTextConfig(
        vocab_size=len(clip), hidden_size=pooled_width, intermediate_size=2 * pooled_width, projection_dim=pooled_width,
        num_hidden_layers=2, num_attention_heads=4, max_position_embeddings=CLIP_LENGTH, hidden_act="quick_gelu",
        bos_token_id=clip.bos_token_id, eos_token_id=clip.eos_token_id, pad_token_id=clip.pad_token_id))
    text_encoder_2 = T5EncoderModel(T5Config(
        vocab_size=len(t5), d_model=text_width, d_kv=text_width // 8, d_ff=2 * text_width, num_layers=1 if tiny else 3,
        num_heads=8, feed_forward_proj="gated-gelu", dropout_rate=0.0, tie_word_embeddings=False))
    return transformer, text_encoder, text_encoder_2


def start_as_identity(transformer):
    """As in DiT: Xavier weights, but blocks that at first pass their input on, and an output of zero."""
    for name, module in transformer.named_modules():
        if isinstance(module, torch.nn.Linear):
            torch.nn.init.xavier_uniform_(module.weight)
            if module.bias is not None:
                torch.nn.init.zeros_(module.bias)
        modulates = name.endswith((".norm.linear", ".norm1.linear", ".norm1_context.linear")) or name == "norm_out.linear"
        if modulates or name == "proj_out":
            torch.nn.init.zeros_(module.weight)
            torch.nn.init.zeros_(module.bias)


def make_scheduler():
    return FlowMatchEulerDiscreteScheduler(shift=3.0, use_dynamic_shifting=False)


def save_folder(folder, vae, transformer, text_encoder, text_encoder_2, clip, t5):
    """Everything in 16 bits as fp16, whose finer steps suit the autoencoder; no file above 12 MB."""
    folder = Path(folder)
    shutil.rmtree(folder, ignore_errors=True)
    pipe = FluxPipeline(make_scheduler(), vae, text_encoder, clip, text_encoder_2, t5, transformer)
    pipe.to("cpu")
    for name in ("vae", "transformer", "text_encoder", "text_encoder_2"):
        getattr(pipe, name).half()
    pipe.save_pretrained(folder, max_shard_size="12MB")
    (folder / "tokenizer/tokenizer.json").unlink()
    write_clip_files(folder / "tokenizer", vocabulary())  # FLUX.1's tokenizer/ has vocab.json and merges.txt


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--to", type=Path, required=True)
    parser.add_argument("--tiny", action="store_true")
    args = parser.parse_args()
    torch.manual_seed(0)
    clip, t5 = make_tokenizers()
    networks = make_models(clip, t5, args.tiny)
    vae = make_autoencoder(args.tiny)
    vae.register_to_config(scaling_factor=1.0, shift_factor=0.0)
    for network in (vae, *networks):
        print(f"{type(network).__name__}: {sum(p.numel() for p in network.parameters()) / 1e6:.2f} M")
    save_folder(args.to, vae, *networks, clip, t5)
    files = [p for p in args.to.rglob("*") if p.is_file()]
    print(f"{sum(p.stat().st_size for p in files) / 1e6:.1f} MB in {len(files)} files")


if __name__ == "__main__":
    main()

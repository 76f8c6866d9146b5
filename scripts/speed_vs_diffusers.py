"""Times ditmesh and diffusers in turn on one FLUX folder with random weights (hidden size 512).

Each round runs both, each in a process of its own. Loading is left out on both sides; diffusers also gets one
picture as a warm-up, ditmesh none. Encoding the prompts and decoding the pictures are in.
"""

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SIZE, STEPS, PICTURES = 256, 8, 4
PROMPTS = [f"a photograph of {i} red cats on a blue sofa" for i in range(PICTURES)]


def make_folder(folder):
    import torch
    from diffusers import AutoencoderKL, FlowMatchEulerDiscreteScheduler, FluxPipeline, FluxTransformer2DModel
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer, T5Config, T5EncoderModel, T5Tokenizer

    torch.manual_seed(0)
    tokenizers = ROOT / "tests/golden/dev/model"
    clip_tokenizer = CLIPTokenizer.from_pretrained(tokenizers / "tokenizer")
    t5_tokenizer = T5Tokenizer.from_pretrained(tokenizers / "tokenizer_2")
    FluxPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0, use_dynamic_shifting=True),
        vae=AutoencoderKL(
            down_block_types=["DownEncoderBlock2D"] * 4,
            up_block_types=["UpDecoderBlock2D"] * 4,
            block_out_channels=(64, 128, 256, 256),
            layers_per_block=2,
            latent_channels=16,
            scaling_factor=0.3611,
            shift_factor=0.1159,
            use_quant_conv=False,
            use_post_quant_conv=False,
        ),
        text_encoder=CLIPTextModel(
            CLIPTextConfig(
                vocab_size=len(clip_tokenizer),
                hidden_size=256,
                intermediate_size=1024,
                num_hidden_layers=6,
                num_attention_heads=4,
                bos_token_id=clip_tokenizer.bos_token_id,
                eos_token_id=clip_tokenizer.eos_token_id,
                pad_token_id=clip_tokenizer.pad_token_id,
            )
        ),
        tokenizer=clip_tokenizer,
        text_encoder_2=T5EncoderModel(
            T5Config(
                vocab_size=len(t5_tokenizer),
                d_model=512,
                d_kv=64,
                d_ff=1024,
                num_layers=6,
                num_heads=8,
                feed_forward_proj="gated-gelu",
            )
        ),
        tokenizer_2=t5_tokenizer,
        transformer=FluxTransformer2DModel(
            in_channels=64,
            num_layers=4,
            num_single_layers=8,
            attention_head_dim=64,
            num_attention_heads=8,
            joint_attention_dim=512,
            pooled_projection_dim=256,
            guidance_embeds=True,
            axes_dims_rope=(8, 28, 28),
        ),
    ).save_pretrained(folder)


def time_diffusers(folder, threads, output):
    """Runs in a process of its own; prints seconds per picture."""
    import torch
    from diffusers import FluxPipeline

    torch.set_num_threads(threads)
    pipeline = FluxPipeline.from_pretrained(folder)
    pipeline.set_progress_bar_config(disable=True)

    def run(prompt, seed):
        return pipeline(
            prompt,
            height=SIZE,
            width=SIZE,
            num_inference_steps=STEPS,
            guidance_scale=3.5,
            generator=torch.Generator("cpu").manual_seed(seed),
        ).images[0]

    run(PROMPTS[0], 0)
    start = time.perf_counter()
    for seed, prompt in enumerate(PROMPTS):
        run(prompt, seed).save(f"{output}/{seed}.png")
    print(json.dumps((time.perf_counter() - start) / PICTURES))


def ditmesh_command(folder, manifest, threads, output):
    return [
        str(ROOT / "build/release/bin/ditmesh"), "generate", "--device", "cpu", "--model", str(folder),
        "--prompts", str(manifest), "--height", str(SIZE), "--width", str(SIZE), "--steps", str(STEPS),
        "--threads", str(threads), "--output", str(output),
    ]  # fmt: skip


def largest_difference(dataset, pictures):
    import h5py
    import numpy
    from PIL import Image

    with h5py.File(next((dataset / "shards").glob("*.h5"))) as shard:
        images = shard[f"{SIZE}x{SIZE}/images"][:].astype(int)
    return max(int(numpy.abs(images[i] - numpy.asarray(Image.open(f"{pictures}/{i}.png")).astype(int)).max()) for i in range(PICTURES))


def main():
    threads, rounds = int(sys.argv[1]), int(sys.argv[2])
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        folder = work / "model"
        make_folder(folder)
        manifest = work / "prompts.jsonl"
        manifest.write_text("".join(json.dumps({"prompt": p, "seed": i}) + "\n" for i, p in enumerate(PROMPTS)))
        environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
        theirs, ours, start_up, difference = [], [], [], 0
        for round_number in range(rounds):
            pictures = work / f"pictures-{round_number}"
            pictures.mkdir()
            command = [sys.executable, __file__, "--diffusers", str(folder), str(threads), str(pictures)]
            run = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            theirs.append(json.loads(run.stdout))
            dataset = work / f"dataset-{round_number}"
            start = time.perf_counter()
            subprocess.run(ditmesh_command(folder, manifest, threads, dataset), check=True, stderr=subprocess.DEVNULL)
            wall = time.perf_counter() - start
            seconds = json.loads((dataset / "job.json").read_text())["attempts"][0]["seconds_on_rank_0"]
            ours.append(seconds["pictures"] / PICTURES)
            start_up.append(wall - seconds["pictures"])
            difference = max(difference, largest_difference(dataset, pictures))
            print(f"round {round_number + 1}: diffusers {theirs[-1]:.2f} s, ditmesh {ours[-1]:.2f} s per image", flush=True)
    git = subprocess.run(["git", "-C", ROOT, "describe", "--always", "--dirty"], capture_output=True, text=True)
    cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.processor())
    result = {
        "what": "seconds per image on the CPU, fp32, FLUX layout with hidden size 512 (4 double and 8 single blocks)",
        "command": f"scripts/speed-vs-diffusers {threads} {rounds}",
        "commit": git.stdout.strip(),
        "machine": f"{cpu}, {os.cpu_count()} cores, {threads} thread(s) used",
        "size": f"{SIZE}x{SIZE}, {STEPS} steps, {PICTURES} pictures a round, alternating; loading excluded",
        "diffusers_seconds": theirs,
        "ditmesh_seconds": ours,
        "ratio_median": statistics.median(o / t for o, t in zip(ours, theirs)),
        "ratio_max": max(o / t for o, t in zip(ours, theirs)),
        "ditmesh_start_up_seconds": start_up,
        "largest_pixel_difference": difference,
    }
    target = ROOT / "results" / f"cpu-vs-diffusers-{threads}-thread-{result['commit']}.json"
    target.parent.mkdir(exist_ok=True)
    if target.exists():
        sys.exit(f"{target} is there already: it is not written over")
    target.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    if sys.argv[1] == "--diffusers":
        time_diffusers(sys.argv[2], int(sys.argv[3]), sys.argv[4])
    else:
        main()

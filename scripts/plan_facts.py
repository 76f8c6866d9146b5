#!/usr/bin/env python3
"""Predicted against measured and published: writes a table to results/plan-facts-COMMIT.md.

    scripts/plan_facts.py build/release/bin/ditmesh
"""
import json
import pathlib
import subprocess
import sys
import tempfile

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
# This version's steps, prompts, decodings and memory, measured by `ditmesh bench --model flux.1-dev` on one H100
# (80 GB, 700 W, LibTorch 2.11.0, bf16, medians of 8): pixels, batch, step, encode, decode (ms), most memory (MiB).
BENCHED = [
    (256, 1, 31.77, 14.75, 5.92, 25393),
    (512, 1, 57.27, 14.33, 22.30, 26263),
    (1024, 1, 181.04, 14.40, 89.56, 29641),
    (1024, 2, 368.44, 21.91, 132.73, 34105),
    (1024, 4, 735.13, 39.87, 219.44, 43403),
    (2048, 1, 888.24, 14.60, 417.77, 43287),
]


def plan(ditmesh, **options):
    command = [ditmesh, "plan", "--json", "--objective", "latency"]
    for name, value in {"model": "flux.1-dev", **options}.items():
        command += [f"--{name.replace('_', '-')}", str(value)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def mesh_of(result, mesh):
    return next(each for each in result["ranked"] if each["mesh"] == mesh)


def rows(ditmesh):
    def one(cluster, implementation, pixels=1024, batch=1, **more):
        result = plan(ditmesh, cluster=cluster, implementation=implementation, height=pixels, width=pixels, batch=batch,
                      num_devices=1, **more)
        return result["ranked"][0]

    h200 = one("dgx-h200", "compiled")
    yield "H200, 1024², a step, compiled", "given", 130, h200["step_s"] * 1e3, "ms"
    eager = one("dgx-h200", "xdit")
    yield "H200, T5 and CLIP, 512 tokens", "given, fitted", 37, eager["encode_s"] * 1e3, "ms"
    eight = one("dgx-h200", "xdit", batch=8)
    yield "H200, the same, batch 8 (T5 alone)", "given, fitted", 154, eight["encode_s"] * 1e3, "ms"
    yield "H200, decoding 1024², compiled", "given, fitted", 27, h200["decode_s"] * 1e3, "ms"
    yield "H200, decoding 1024², eager", "given, fitted", 87, eager["decode_s"] * 1e3, "ms"
    yield "H100, 1024², a step, diffusers with torch.compile", "measured, fitted", 131.6, one("dgx-h100", "compiled")["step_s"] * 1e3, "ms"
    yield "H100, 512², the same", "measured", 41.78, one("dgx-h100", "compiled", 512)["step_s"] * 1e3, "ms"
    yield "xDiT, one H100, 28 steps", "published, fitted", 4.30, one("dgx-h100", "xdit")["image_s"], "s"
    two = plan(ditmesh, cluster="dgx-h100", implementation="xdit", num_devices=2, batch=1)
    yield "xDiT, two H100, ulysses=2", "published", 2.68, mesh_of(two, "ulysses=2")["image_s"], "s"
    nodes = [plan(ditmesh, cluster=cluster, implementation="xdit", batch=1)["ranked"][0]["image_s"]
             for cluster in ("l40-8", "l40-8-x2")]
    yield "2 × 8 L40 over 8 L40, exact methods (at most)", "given", 1.16, nodes[0] / nodes[1], "×"
    # `generate`, 6 pictures on 2 ranks of one core each, AMD EPYC, fp32: 10.0 s.
    core = plan(ditmesh, model=REPOSITORY / "models" / "shapes", cluster="laptop", num_devices=1, batch=1, height=256, width=256,
                steps=20, true_cfg=3)["ranked"][0]
    yield "a core, models/shapes, 256², 20 steps, true CFG: a picture", "measured", 3.33, core["image_s"], "s"
    # These settle constants (passes, kernels, the allocator's shares), the others not.
    fitted = {"a step": {(256, 1), (1024, 1)}, "prompts": {(1024, 1), (1024, 4)}, "decoding": {(1024, 1), (1024, 4)},
              "memory": {(256, 1), (1024, 1), (1024, 4)}}
    for pixels, batch, step, encode, decode, memory in BENCHED:
        predicted = one("dgx-h100", "ditmesh", pixels, batch, steps=10, text_encoder="release")
        figures = (("a step", step, predicted["step_s"] * 1e3, "ms"), ("prompts", encode, predicted["encode_s"] * 1e3, "ms"),
                   ("decoding", decode, predicted["decode_s"] * 1e3, "ms"),
                   ("memory", memory, predicted["memory_bytes"] / 2**20, "MiB"))
        for part, figure, value, unit in figures:
            source = "measured, fitted" if (pixels, batch) in fitted[part] else "measured"
            yield f"H100, this version, {pixels}², batch {batch}: {part}", source, figure, value, unit


def small_cards(ditmesh):
    """FLUX.1-dev at 1024² on small cards of one host: the best meshes, or why there is none."""
    for model, memory, count in (("rtx-4090", "24 GB", 1), ("rtx-4090", "24 GB", 2), ("rtx-4090", "24 GB", 4),
                                 ("rtx-4080", "16 GB", 2), ("a100-sxm-40gb", "40 GB", 1)):
        cluster = {"name": "cards", "node_types": {"host": {
            "peer_to_peer": model.startswith("a100"), "places": [{"names": "numa0"}],
            "devices": [{"names": f"gpu[0-{count - 1}]", "model": model, "in": "numa0"}]}},
            "nodes": [{"names": "host", "type": "host"}]}
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump(cluster, file)
            file.flush()
            command = [ditmesh, "plan", "--model", "flux.1-dev", "--json", "--cluster", file.name]
            result = json.loads(subprocess.run(command, capture_output=True, text=True, check=False).stdout)
        cards = f"{count} × {memory} ({model})"
        if not result["ranked"]:
            least = result["too_large"][0]
            yield f"| {cards} | none fits | | | {least['mesh']} {least['reason']} |"
        for each in result["ranked"][:3]:
            yield (f"| {cards} | {each['mesh']}, stages {each['stages']} | {each['memory_bytes'] / 2**30:.1f} of "
                   f"{each['device_bytes'] / 2**30:.1f} GiB | {each['images_per_s'] * 60:.1f} | encoders {each['encoders']} |")


def main():
    ditmesh = sys.argv[1]
    commit = subprocess.run(["git", "-C", REPOSITORY, "rev-parse", "--short", "HEAD"], check=True, capture_output=True,
                            text=True).stdout.strip()
    lines = ["# Predicted against measured and published", "",
             f"`scripts/plan_facts.py` at {commit}: what `ditmesh plan` says of FLUX.1-dev, and what others said or was",
             "measured. 'fitted': the figure settled a constant of the model. Of the profiles, H100 was measured by `ditmesh bench --calibrate`; H200 and L40 are scaled from it.",
             "", "| what | source | figure | predicted | difference |", "|---|---|---|---|---|"]
    for what, source, figure, predicted, unit in rows(ditmesh):
        difference = f"{predicted / figure - 1:+.1%}"
        if "at most" in what:
            difference = "holds" if predicted <= figure else "broken"
        lines.append(f"| {what} | {source} | {figure:g} {unit} | {predicted:.4g} {unit} | {difference} |")
    lines += ["", "## FLUX.1-dev, 1024², 28 steps, on small cards", "",
              "| cards | mesh | memory of a rank | images a minute | |", "|---|---|---|---|---|", *small_cards(ditmesh)]
    path = REPOSITORY / "results" / f"plan-facts-{commit}.md"
    path.write_text("\n".join(lines) + "\n")
    print(path.read_text())


if __name__ == "__main__":
    main()

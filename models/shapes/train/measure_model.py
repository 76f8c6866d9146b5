#!/usr/bin/env python3
"""How many captions the model draws right, by `ditmesh generate` and `ditmesh score`.

    measure_model.py --binary build/release/bin/ditmesh --device cuda --batch 16

Held-out captions at 28, 20 and 8 steps in fp32 and bf16, all from the same noise, and captions with pairs of shape and
colour that were never seen together. Prints a table with 95 % intervals and writes results/shapes-COMMIT.json (never over
one). Needs Python alone.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from results import ROOT, new_file

SHAPES = ROOT / "models/shapes"
RUNS = [("held-out.jsonl", steps, dtype) for dtype in ("fp32", "bf16") for steps in (28, 20, 8)] + [("unseen-pairs.jsonl", 28, "fp32")]


def make_and_score(args, prompts, steps, dtype, output):
    command = [args.binary, "generate", "--config", ROOT / "configs/shapes.ini", "--model", args.model, "--prompts", SHAPES / prompts,
               "--output", output, "--steps", steps, "--dtype", dtype, "--noise-dtype", "fp32", "--true-cfg", args.true_cfg,
               "--device", args.device, "--batch", args.batch]
    if args.limit:
        command += ["--limit", args.limit]
    if args.ranks > 1:
        command = ["mpirun", "--oversubscribe", "-n", args.ranks, *command]
    start = time.perf_counter()
    made = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if made.returncode:
        sys.exit(f"ditmesh generate ended with {made.returncode}:\n{made.stdout}{made.stderr}")
    seconds = time.perf_counter() - start
    found = subprocess.run([args.binary, "score", output, "--json"], check=True, capture_output=True, text=True).stdout
    return json.loads(found), seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default=str(ROOT / "build/release/bin/ditmesh"))
    parser.add_argument("--model", default=str(SHAPES))
    parser.add_argument("--true-cfg", default="3")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--batch", default="1")
    parser.add_argument("--ranks", type=int, default=1, help="MPI ranks")
    parser.add_argument("--limit", help="only the first captions of each file")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep the datasets, to look at")
    parser.add_argument("--to", type=Path, help="default: results/shapes-COMMIT.json")
    args = parser.parse_args()
    os.environ.setdefault("OMPI_ALLOW_RUN_AS_ROOT", "1")
    os.environ.setdefault("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1")
    to = new_file("shapes", args.to)
    rows = []
    print(f"{'captions':20} {'steps':>5} {'dtype':5} {'right':>7}   95 % interval      1, 2, 3 objects")
    with tempfile.TemporaryDirectory() as scratch:
        for prompts, steps, dtype in RUNS:
            output = (args.keep or Path(scratch)) / f"{Path(prompts).stem}-{steps}-{dtype}"
            found, seconds = make_and_score(args, prompts, steps, dtype, str(output))
            right = found["right"]
            by_objects = ", ".join(f"{found['by_objects'][count]['share']:.1%}" for count in sorted(found["by_objects"]))
            print(f"{Path(prompts).stem:20} {steps:5} {dtype:5} {right['share']:7.1%}   {right['low']:6.1%} to {right['high']:6.1%}   {by_objects}",
                  flush=True)
            rows.append({"captions": prompts, "steps": steps, "dtype": dtype, "true_cfg": float(args.true_cfg), **right,
                         "by_objects": found["by_objects"], "aspects": found["aspects"], "not_understood": found["not_understood"],
                         "failed": found["failed"], "generate_seconds": round(seconds, 1)})
    to.write_text(json.dumps({"what": "captions drawn right, by ditmesh generate and ditmesh score; intervals of 95 % (Wilson)",
                              "device": args.device, "batch": int(args.batch), "runs": rows}, indent=1) + "\n")
    print(f"written: {to}")


if __name__ == "__main__":
    main()

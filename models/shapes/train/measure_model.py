#!/usr/bin/env python3
"""How many captions the model draws right, by `ditmesh generate` and `ditmesh score`.

    measure_model.py --binary build/release/bin/ditmesh --device cuda --batch 16

Held-out captions at 28 steps, which is the bar; half of them in bf16, and at 20 and 8 steps, from the same noise; and
captions with pairs of shape and colour that were never seen together. Prints a table with 95 % intervals and writes
results/shapes-COMMIT.json after each row; the same command goes on after the last one. Needs Python alone.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from results import ROOT, file_of

SHAPES = ROOT / "models/shapes"
HELD_OUT, UNSEEN_PAIRS = "held-out.jsonl", "unseen-pairs.jsonl"
RUNS = [(HELD_OUT, 600, 28, "fp32"), (UNSEEN_PAIRS, 200, 28, "fp32"), (HELD_OUT, 300, 28, "bf16"), (HELD_OUT, 300, 20, "fp32"),
        (HELD_OUT, 300, 20, "bf16"), (HELD_OUT, 300, 8, "fp32"), (HELD_OUT, 300, 8, "bf16")]


def make_and_score(args, prompts, captions, steps, dtype, output):
    command = [args.binary, "generate", "--config", ROOT / "configs/shapes.ini", "--model", args.model, "--prompts", SHAPES / prompts,
               "--output", output, "--steps", steps, "--dtype", dtype, "--noise-dtype", "fp32", "--true-cfg", args.true_cfg,
               "--device", args.device, "--batch", args.batch, "--limit", captions]
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
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep the datasets, to look at")
    parser.add_argument("--to", type=Path, help="default: results/shapes-COMMIT.json")
    args = parser.parse_args()
    os.environ.setdefault("OMPI_ALLOW_RUN_AS_ROOT", "1")
    os.environ.setdefault("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1")
    to = file_of("shapes", args.to)
    report = {"what": "captions drawn right, by ditmesh generate and ditmesh score; intervals of 95 % (Wilson)",
              "device": args.device, "batch": int(args.batch), "true_cfg": float(args.true_cfg), "runs": []}
    if to.exists():
        report = json.loads(to.read_text())
    there = len(report["runs"])
    print(f"{'captions':16} {'first':>5} {'steps':>5} {'dtype':5} {'right':>7}   95 % interval      1, 2, 3 objects")
    with tempfile.TemporaryDirectory() as scratch:
        for number, (prompts, captions, steps, dtype) in enumerate(RUNS):
            if number >= there:
                output = (args.keep or Path(scratch)) / f"{Path(prompts).stem}-{captions}-{steps}-{dtype}"
                found, seconds = make_and_score(args, prompts, captions, steps, dtype, str(output))
                report["runs"].append({"prompts": prompts, "steps": steps, "dtype": dtype, **found["right"],
                                       "by_objects": found["by_objects"], "aspects": found["aspects"],
                                       "not_understood": found["not_understood"], "failed": found["failed"],
                                       "generate_seconds": round(seconds, 1)})
                to.write_text(json.dumps(report, indent=1) + "\n")
            run = report["runs"][number]
            by_objects = ", ".join(f"{run['by_objects'][count]['share']:.1%}" for count in sorted(run["by_objects"]))
            print(f"{Path(prompts).stem:16} {captions:5} {steps:5} {dtype:5} {run['share']:7.1%}   {run['low']:6.1%} to {run['high']:6.1%}"
                  f"   {by_objects}", flush=True)
    print(f"written: {to}")


if __name__ == "__main__":
    main()

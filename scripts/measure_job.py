"""Two ranks against two processes; where a rank's time goes; what recording costs; what a restart costs.

See measure-job."""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

MODEL, ROUNDS = sys.argv[1], int(sys.argv[2])
BINARY = "build/release/bin/ditmesh"
NUM_PICTURES = 24  # of a round
NUM_RESTARTED = 1_000_000
NUM_RECORDED = 24  # pictures of a job with and without its trace: half a minute, against the start and the end


def run(command, **environment):
    return subprocess.Popen(command, env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
                            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def finish(*processes):
    start = time.monotonic()
    for process in processes:
        _, error = process.communicate()
        if process.returncode != 0:
            sys.exit(f"exit code {process.returncode}:\n{error[-2000:]}")
    return time.monotonic() - start


def job(output, prompts):
    return [BINARY, "generate", "--model", MODEL, "--prompts", str(prompts), "--output", str(output), "--device", "cpu",
            "--height", "128", "--width", "128", "--steps", "4", "--max-sequence-length", "64"]


def write_prompts(path, numbers):
    path.write_text("".join(f"a cat with {i} stripes\n" for i in numbers))
    return path


def shares(output):
    """Where the ranks' time went, as shares of what the generating threads had."""
    ranks = [rank["seconds"] for rank in json.loads((output / "job.json").read_text())["attempts"][-1]["per_rank"]]
    total = {name: sum(rank[name] for rank in ranks) for name in ranks[0]}
    working = sum(total[name] for name in ("encode", "denoise", "decode", "queue", "hand_over", "end_wait"))
    return {name: seconds / working for name, seconds in total.items() if name not in ("total", "set_up", "load")}


def cpu_seconds(command, **environment):
    """Of the process and its threads: what recording costs, wherever it runs."""
    process = run(command, **environment)
    error = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(f"wait status {status}:\n{error[-2000:]}")
    return usage.ru_utime + usage.ru_stime


def recording(folder):
    """The same job with and without its trace, in turn; the first round is not counted."""
    prompts = write_prompts(folder / "recorded.txt", range(NUM_RECORDED))
    cpu = {"on": [], "off": []}
    for i in range(ROUNDS + 1):
        for state in ("on", "off") if i % 2 else ("off", "on"):
            cpu[state].append(cpu_seconds(job(folder / f"recorded-{i}-{state}", prompts), DITMESH_TEST_TRACE=state))
        print(f"round {i}: CPU seconds with a trace {cpu['on'][-1]:.3f}, without {cpu['off'][-1]:.3f}", flush=True)
    on, off = cpu["on"][1:], cpu["off"][1:]
    return {"pictures": NUM_RECORDED, "cpu_seconds_with_a_trace": on, "cpu_seconds_without": off,
            "median_of_ratios": statistics.median(a / b for a, b in zip(on, off))}


def two_ranks_against_two_processes(folder):
    whole = write_prompts(folder / "whole.txt", range(NUM_PICTURES))
    halves = [write_prompts(folder / f"half{i}.txt", range(i, NUM_PICTURES, 2)) for i in range(2)]
    ranks, processes, share = [], [], []
    for i in range(ROUNDS + 1):  # the first warms files and caches, and is not counted
        output = folder / f"ranks{i}"
        ranks.append(finish(run(["mpirun", "--bind-to", "none", "-n", "2", *job(output, whole)])))
        share.append(shares(output))
        processes.append(finish(*[run(job(folder / f"process{i}-{k}", halves[k])) for k in range(2)]))
        print(f"round {i}: 2 ranks {ranks[-1]:.2f} s, 2 processes {processes[-1]:.2f} s", flush=True)
    ranks, processes = ranks[1:], processes[1:]
    return {"pictures": NUM_PICTURES, "seconds_2_ranks": ranks, "seconds_2_processes": processes,
            "ratio_of_images_per_second": statistics.median(processes) / statistics.median(ranks),
            "share_of_time": {name: statistics.median(s[name] for s in share[1:]) for name in share[0]}}


def restart(folder):
    """A million finished samples of 16 x 16 pixels, made without the model; then the same command again."""
    prompts = write_prompts(folder / "many.txt", range(NUM_RESTARTED))
    command = [BINARY, "generate", "--model", MODEL, "--prompts", str(prompts), "--output", str(folder / "many"),
               "--device", "cpu", "--height", "16", "--width", "16", "--steps", "1", "--batch", "1000"]
    made = finish(run(command, DITMESH_TEST_INSTANT="1"))
    again = finish(run(["/usr/bin/env", "bash", "-c", 'exec "$@"', "_", *command], DITMESH_TEST_INSTANT="1"))
    (folder / "many/shards/16x16-000100.h5").unlink()
    one_shard = finish(run(command, DITMESH_TEST_INSTANT="1"))
    size = sum(f.stat().st_size for f in (folder / "many").rglob("*") if f.is_file())
    return {"samples": NUM_RESTARTED, "seconds_to_make_without_a_model": made, "bytes": size,
            "seconds_to_find_that_all_is_done": again, "seconds_to_make_one_lost_shard_again": one_shard}


def main():
    commit = subprocess.check_output(["git", "rev-parse", "--short", "HEAD"], text=True).strip()
    result = Path("results") / f"job-cost-{commit}.json"
    if result.exists():
        sys.exit(f"{result} is there already")
    cpu = next(line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name"))
    folder = Path(tempfile.mkdtemp(prefix="ditmesh-job-"))
    try:
        report = {"what": "cost of the job around the pictures, fp32 on the CPU, 1 thread a rank",
                  "command": f"scripts/measure-job MODEL {ROUNDS}", "commit": commit,
                  "machine": f"{cpu}, {os.cpu_count()} cores",
                  "two_ranks_against_two_processes": two_ranks_against_two_processes(folder),
                  "recording_a_trace": recording(folder),
                  "restart": restart(folder)}
    finally:
        shutil.rmtree(folder)
    result.write_text(json.dumps(report, indent=2) + "\n")
    print(result.read_text())


main()

#!/usr/bin/env bash
# The traces that jobs leave, whatever ends them, and what `ditmesh trace` says of them.
# shellcheck disable=SC2031 # $work of a section is its own
set -euo pipefail
source "$(dirname "$0")/lib.sh"
num_jobs=3
export OMP_WAIT_POLICY=passive

for i in $(seq 12); do echo "a cat with $i stripes"; done >prompts.txt
common=(--model "$model" --height 32 --width 32 --device cpu --max-sequence-length 32 --prompts "$work/prompts.txt")
long=("${common[@]}" --steps 200) # some seconds
run_mpi 3 generate "${common[@]}" --steps 4 --shard-size 6 --output done
succeeded "generate"
data=$work/done

undisturbed() {
  equal "one HDF5 file for the node, no span files" "$(ls "$data/traces")" "attempt-1.$(hostname).h5"
  run trace "$data"
  succeeded "trace"
  contains "trace: in words" "$out" "attempt 1: 12 pictures on 3 ranks" "load balance" "communication eff." \
    "set-up and reading weights take" "denoise" "clocks agree within"
  run trace "$data" --json
  succeeded "trace --json"
  equal "every picture is counted once" "$(json "$out" 'd["num_samples"], len(d["ranks"]), d["num_lost_spans"]')" "(12, 3, 0)"
  # The generating thread is always in one span: what is in none is small.
  equal "hardly any time is in no span" \
    "$(json "$out" 'all(r["other_s"] < 0.05 + 0.1 * r["total_s"] for r in d["ranks"])')" True
  equal "the product of the POP metrics" \
    "$(json "$out" 'abs(d["load_balance"] * d["communication_efficiency"] - d["parallel_efficiency"]) < 1e-9')" True
  equal "device-seconds per image: all ranks' time" \
    "$(json "$out" 'abs(d["device_seconds_per_image"] * 12 - sum(r["total_s"] for r in d["ranks"])) < 1e-6')" True
}

perfetto() {
  run trace "$data" --perfetto trace.json
  succeeded "trace --perfetto"
  equal "perfetto: no summary unless asked for" "$out" ""
  equal "perfetto: a process per rank, steps of every picture" "$(json trace.json \
    'sorted({e["pid"] for e in d["traceEvents"]}), sum(e["name"] == "denoise" for e in d["traceEvents"])')" "([0, 1, 2], 48)"
  equal "perfetto: hashes, shards and journals on their own threads" "$(json trace.json \
    'sorted({(e["tid"], e["name"]) for e in d["traceEvents"] if e["ph"] == "X" and e["tid"] > 0})')" \
    "[(1, 'journal'), (2, 'hash'), (2, 'shard')]"
  equal "perfetto: counters" "$(json trace.json \
    'sorted({e["name"] for e in d["traceEvents"] if e["ph"] == "C" and "bytes_sent" not in e["name"]})')" \
    "['host_memory', 'samples', 'samples_per_second']"
  run trace "$data" --perfetto "$work"
  equal "perfetto to a folder: exit code" "$code" 3
  contains "perfetto to a folder: said" "$err" "cannot write"
}

plot() {
  if ! command -v gnuplot >/dev/null; then
    echo "gnuplot is not here: no time-line is drawn"
    return
  fi
  run trace "$data" --plot "it's.png"
  succeeded "trace --plot"
  equal "plot: a PNG" "$(head -c 8 "it's.png" | od -An -tx1 | tr -d ' ')" 89504e470d0a1a0a
  run PATH=/nowhere trace "$data" --plot other.png
  equal "no gnuplot: exit code" "$code" 3
  contains "no gnuplot: said with the remedy" "$err" "install gnuplot"
  check "no gnuplot: no file is left" test ! -e other.png
}

# The README's word for it: a trace survives what ends the job.
killed() {
  mpirun --oversubscribe -n 2 "$bin" generate "${long[@]}" --output "$work/data" >.out 2>.err </dev/null &
  local launcher=$!
  for _ in $(seq 200); do
    if [[ -n $(find data/journal -size +2k -name '*replica*' 2>/dev/null) ]]; then break; fi
    sleep 0.05
  done
  sleep 0.5
  run trace data
  succeeded "a job that runs: trace"
  contains "a job that runs: its trace so far" "$out" "on 2 ranks"
  equal "a job that runs: its files stay" "$(find data/traces -name '*.spans' | wc -l)" 2
  pkill -KILL -P "$launcher" -x ditmesh
  wait "$launcher" || true
  cp -r data copy
  run trace copy
  succeeded "after kill -9: trace"
  contains "after kill -9: what was done" "$out" "attempt 1" "denoise"
  equal "after kill -9: becomes HDF5" "$(ls copy/traces)" "attempt-1.$(hostname).h5"
  run generate "${long[@]}" --output data
  succeeded "after kill -9: the job goes on"
  equal "both attempts are HDF5 at the end" "$(find data/traces -type f | sort | tr '\n' ' ')" \
    "data/traces/attempt-1.$(hostname).h5 data/traces/attempt-2.$(hostname).h5 "
  run trace data --attempt 1 --json
  equal "--attempt: the one that was killed" "$(json "$out" 'd["attempt"], d["num_ranks"], d["num_samples"] > 0')" "(1, 2, True)"
  run trace data --attempt 7
  equal "--attempt: one that is not there" "$code $err" "2 ditmesh trace: error: attempt 7 left no trace in data: give one of 1, 2"
}

parts() {
  run generate "${common[@]}" --steps 1 --shard-size 6 --part 0/2 --output data
  run generate "${common[@]}" --steps 1 --shard-size 6 --part 1/2 --output data
  run trace data
  equal "parts: one must be named" "$code $err" \
    "2 ditmesh trace: error: data was made in parts: 0/2, 1/2: give one of them with --part"
  run trace data --part 1/2
  succeeded "parts: --part"
}

bad_input() {
  mkdir empty
  run trace empty
  equal "no traces" "$code $err" \
    "2 ditmesh trace: error: empty/traces holds no traces: give the OUTPUT of a job of 'ditmesh generate'"
  mkdir -p damaged/traces
  echo cut >damaged/traces/attempt-1.rank-0.spans
  run trace damaged
  equal "only damaged traces: exit code" "$code" 2
  contains "only damaged traces: which" "$err" "attempt-1.rank-0.spans"
}

in_parallel killed undisturbed perfetto plot parts bad_input

finish

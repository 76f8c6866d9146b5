#!/usr/bin/env bash
# `inspect --cost`: every device-second of all attempts, also of one that was killed.
set -euo pipefail
source "$(dirname "$0")/lib.sh"
export OMP_WAIT_POLICY=passive

{
  echo prompt,project
  for i in $(seq 16); do echo "a cat with $i stripes,$([[ $((i % 4)) == 0 ]] && echo north || echo south)"; done
} >rows.csv
job=(--model "$model" --height 32 --width 32 --steps 400 --device cpu --threads 1 --max-sequence-length 32 --prompts rows.csv
  --output data --shard-size 4)

# Killed when something is in a journal, gone on with by one rank.
mpirun --oversubscribe -n 2 "$bin" generate "${job[@]}" >.killed 2>&1 </dev/null &
launcher=$!
for _ in $(seq 300); do
  if [[ -n $(find data/journal data/shards -size +2k \( -name '*replica*' -o -name '*.h5' \) 2>/dev/null) ]]; then break; fi
  sleep 0.05
done
sleep 0.6 # so that the trace has something
pkill -KILL -P "$launcher" -x ditmesh
wait "$launcher" || true
equal "the job was killed before its end" "$(json data/job.json 'len(d["attempts"]), "ended" in d["attempts"][0]')" "(1, False)"

run inspect data --cost
succeeded "inspect --cost of a job that crashed"
contains "its attempt counts, from its trace" "$out" "in 1 attempt" "all  "
run inspect data --cost --by project
equal "by a column before there is an index: exit code 2" "$code" 2
contains "by a column before there is an index: the remedy" "$err" "--by needs the index" "ditmesh index"

run generate "${job[@]}"
succeeded "the job goes on"
run inspect data --cost --json --by project --price 3.6
succeeded "inspect --cost --by --price --json"
cost=$out
equal "both attempts, all pictures" "$(json "$cost" 'd["attempts"], d["unknown_attempts"], d["done"], d["failed"]')" "(2, [], 16, 0)"
equal "the entries sum to what was allocated" \
  "$(json "$cost" 'abs(sum(d["device_seconds"].values()) - d["allocated_device_seconds"]) < 1e-9')" True
equal "so do the groups" \
  "$(json "$cost" 'abs(sum(g["allocated_device_seconds"] for g in d["groups"]) - d["allocated_device_seconds"]) < 1e-9')" True
equal "the groups" "$(json "$cost" 'sorted((g["value"], g["done"]) for g in d["groups"])')" "[('north', 4), ('south', 12)]"
equal "a price of 3.6 an hour is a thousandth of the seconds" \
  "$(json "$cost" 'abs(d["price"] - d["allocated_device_seconds"] / 1000) < 1e-9')" True
second=$(json data/job.json 'sum(r["seconds"]["total"] for r in d["attempts"][1]["per_rank"])')
equal "the attempt that was killed is in it" "$(json "$cost" "d['allocated_device_seconds'] > $second + 0.1")" True
run inspect data --cost --price 2
succeeded "inspect --cost in words"
contains "inspect --cost in words: every entry" "$out" "device-hours in 2 attempts" denoising encoding decoding "waiting for writes" \
  idle start-up "failed samples" "made again" "16 pictures: " "at 2.00 a device-hour"
run inspect data --cost --by colour
equal "no such column: exit code 2" "$code" 2
contains "no such column: named" "$err" "colour"
finish

#!/usr/bin/env bash
# Jobs whose ranks are killed at random moments and that are started again on other numbers of ranks: nothing
# is lost, nothing is made twice, and the content hash is that of an undisturbed run.
#   DITMESH_TEST_KILLS=100 kills.sh   so many kills (default 8)
#   DITMESH_TEST_SEED=7 kills.sh      the same moments again, as far as the machine allows
set -euo pipefail
kills=${DITMESH_TEST_KILLS:-8}
seed=${DITMESH_TEST_SEED:-$RANDOM}
source "$(dirname "$0")/lib.sh"
export OMP_WAIT_POLICY=passive
RANDOM=$seed
echo "# $kills kills, seed $seed"

python3 - <<'END'
import json
with open("rows.jsonl", "w") as file:
    for i in range(60):
        row = {"prompt": f"a cat with {i} stripes"}
        if i % 4 == 1: row.update(height=48)
        if i % 6 == 2: row.update(steps=5)
        file.write(json.dumps(row) + "\n")
END
settings=(--model "$model" --height 32 --width 32 --steps 3 --seed 5 --device cpu --max-sequence-length 32
  --prompts "$work/rows.jsonl" --shard-size 7)

run generate "${settings[@]}" --output undisturbed
succeeded "undisturbed"
expected=$(content_hash undisturbed)

pauses=(journal-append=20 shard-write=40 shard-rename=200 index-write=300 journal-append=5,shard-rename=100)
ranks_list=(1 2 3 5)

# The processes of the ranks of a running mpirun.
ranks_of() { pgrep -P "$1" 2>/dev/null | while read -r p; do
  if [[ $(readlink "/proc/$p/exe" 2>/dev/null) == "$bin" ]]; then echo "$p"; fi
done; }

killed=0 jobs_done=0 starts=0
while ((killed < kills)); do
  output=$work/job
  rm -rf "$output"
  while true; do
    ranks=${ranks_list[RANDOM % 4]}
    starts=$((starts + 1))
    DITMESH_TEST_PAUSE=${pauses[RANDOM % 5]} timeout 120 mpirun --oversubscribe -n "$ranks" "$bin" generate \
      "${settings[@]}" --output "$output" >"$work/.out" 2>"$work/.err" </dev/null &
    launcher=$!
    sleep "$(printf '%d.%03d' $((RANDOM % 2)) $((500 + RANDOM % 500)))"
    # timeout → mpirun → ranks
    mpirun_process=$(pgrep -P "$launcher" | head -n 1 || true)
    mapfile -t processes < <(ranks_of "${mpirun_process:-0}")
    if ((killed < kills && ${#processes[@]} > 0)); then
      if ((RANDOM % 4 == 0)); then
        kill -KILL "${processes[@]}" 2>/dev/null || true # all at once
      else
        kill -KILL "${processes[RANDOM % ${#processes[@]}]}" 2>/dev/null || true
      fi
      killed=$((killed + 1))
    fi
    code=0
    wait "$launcher" || code=$?
    if ((code == 0)); then break; fi
    if ((code == 2 || code == 3 || code == 70)) || grep -q '^ditmesh generate: error' "$work/.err"; then
      told not-ok "an attempt on $ranks ranks ends in an error of its own (code $code)"
      grep "error" "$work/.err" | head -n 5 | sed "s/^/    stderr:  /"
      finish
    fi
  done
  jobs_done=$((jobs_done + 1))
  found=$(content_hash "$output")
  if [[ $found != "$expected" ]]; then equal "job $jobs_done: content hash" "$found" "$expected"; fi
  run verify "$output"
  if ((code != 0)); then
    told not-ok "job $jobs_done: verify"
    printf '%s\n' "$out" | head -n 10 | sed 's/^/    /'
  fi
  left=$(find "$output" -name '*.tmp*' -o -path '*/journal/*' | tr '\n' ' ')
  if [[ -n $left ]]; then equal "job $jobs_done: nothing is left over" "$left" ""; fi
done
told ok "$killed kills in $starts starts of $jobs_done jobs: the content hash of an undisturbed run"
finish

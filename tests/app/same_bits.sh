#!/usr/bin/env bash
# One manifest, the same pixels: as a plain process and on 1, 2, 3, 5 ranks, for
# any batch and way to encode the prompts (fp32 on the CPU).
# shellcheck disable=SC2031 # $work of a section is its own
set -euo pipefail
source "$(dirname "$0")/lib.sh"
num_jobs=3
export OMP_WAIT_POLICY=passive # several runs share the cores

# rows.jsonl: 12 rows of 3 sizes, two with true CFG and a negative prompt.
# many.txt: 24 prompts, which fill more than a cache of 1 MiB.
python3 - <<'END'
import json
rows = [{"prompt": f"a cat with {i} stripes, oil on canvas"} for i in range(12)]
for i, row in enumerate(rows):
    if i % 3 == 1: row.update(height=48, width=32)
    if i % 5 == 2: row.update(height=32, width=64, steps=3)
    if i % 4 == 0: row.update(seed=1000 + i)
rows[3].update(guidance=7.5)
rows[4].update(true_cfg=4, negative_prompt="blurry")
rows[9].update(true_cfg=2.5, negative_prompt="text, watermark")
rows[5].update(id="Käfer/甲虫 🐞", prompt="Ein Käfer, 甲虫, 🐞")
rows[6].update(prompt=rows[0]["prompt"], seed=1000)
with open("rows.jsonl", "w") as file:
    for row in rows: file.write(json.dumps(row, ensure_ascii=False) + "\n")
with open("many.txt", "w") as file:
    for i in range(24): file.write(f"{i} cats in a row\n")
END
common=(--model "$model" --height 32 --width 32 --steps 2 --seed 5 --device cpu)
mixed=("${common[@]}" --prompts "$work/rows.jsonl" --images-per-prompt 2 --max-sequence-length 64)
two_threads=("${mixed[@]}" --threads 2) # the same bits are promised for the same threads
many=("${common[@]}" --prompts "$work/many.txt" --max-sequence-length 512)

references=$work
run generate "${mixed[@]}" --output "$references/mixed"
succeeded "mixed sizes, a plain process"
contains "24 pictures in 3 buckets" "$("$bin" inspect "$references/mixed")" "24 (24 done" "32x32" "48x32" "32x64"
run export "$references/mixed" --to "$work/png"
sha256_of() { json "$(grep "images/$1.png" png/metadata.jsonl)" 'd["sha256"]'; }
equal "rows with the same prompt, seed and settings have the same pixels" "$(sha256_of 0-0)" "$(sha256_of 6-0)"
check "copies of a row differ" test "$(sha256_of 0-0)" != "$(sha256_of 0-1)"
run generate "${two_threads[@]}" --output "$references/two_threads"
succeeded "mixed sizes, a plain process of 2 threads"
run generate "${many[@]}" --output "$references/many"
succeeded "many prompts, a plain process"

# same NAME SET RANKS(0: no mpirun) ARGUMENTS...
same() {
  local name=$1 set=$2 ranks=$3 settings
  shift 3
  case $set in
    mixed) settings=("${mixed[@]}") ;;
    two_threads) settings=("${two_threads[@]}") ;;
    many) settings=("${many[@]}") ;;
  esac
  if ((ranks == 0)); then
    run generate "${settings[@]}" --output "$work/other" "$@"
  else
    run_mpi "$ranks" generate "${settings[@]}" --output "$work/other" "$@"
  fi
  succeeded "$name"
  equal "$name: content hash" "$(content_hash "$work/other")" "$(content_hash "$references/$set")"
  run compare "$references/$set" "$work/other"
  equal "$name: compare says identical" "$code $out" "0 compared: 24 samples, 24 identical"
}

ranks_1() { same "mpirun -n 1" mixed 1; }
ranks_2() { same "mpirun -n 2" mixed 2; }
ranks_3() { same "mpirun -n 3" mixed 3; }
ranks_5() { same "mpirun -n 5" mixed 5; }
batch_3() { same "--batch 3" mixed 0 --batch 3; }
batch_8() { same "--batch 8 on 2 ranks" mixed 2 --batch 8; }
threads_1() { same "--threads 1, as by default" mixed 0 --threads 1; }
threads_2() { same "2 ranks of 2 threads like one of 2" two_threads 2; }
shards() { same "2 ranks, small shards" mixed 2 --shard-size 5; }
release() { same "--text-encoder release, a cache of 1 MiB" many 0 --text-encoder release --prompt-cache 1; }
release_2() { same "the same on 2 ranks, --batch 3" many 2 --text-encoder release --prompt-cache 1 --batch 3; }

in_parallel ranks_1 ranks_2 ranks_3 ranks_5 batch_3 batch_8 threads_1 threads_2 shards release release_2

finish

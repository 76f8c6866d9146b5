#!/usr/bin/env bash
# src/dataset/FORMAT.md against datasets that the program makes, read by h5py alone: its tables are true and
# complete, its recipe and its example give the content hash, and its traps are there.
# shellcheck disable=SC2031 # $work of a section is its own
set -euo pipefail
source "$(dirname "$0")/lib.sh"
num_jobs=2
export OMP_WAIT_POLICY=passive # several runs share the cores
page=$golden/../../src/dataset/FORMAT.md
checker=$golden/../app/check_format.py

python=$(python_with_h5py)
if [[ -z $python ]]; then
  echo "skipped: h5py (python3-h5py) is not here: no other program can read the datasets"
  exit 77
fi

cat >rows.csv <<'END'
id,prompt,seed,height,width,guidance,true_cfg,negative_prompt,artist
cat,"a cat, asleep",7,32,32,,,,Ada
käfer/1,Ein Käfer,,48,32,5,,,
"dog ""Rex""",a dog,4294967303,32,32,,3,blurry,Bo
tree,a tree,,32,32,,,,
house,a house,,32,32,,,,
END
seq -f 'a cat with %g stripes' 6 >rows.txt
common=(--model "$model" --height 32 --width 32 --steps 2 --device cpu --threads 1 --max-sequence-length 32)
quick=("${common[@]}" --prompts "$work/rows.txt" --shard-size 2)

# interrupted OUTPUT [OPTION...]: a job that is killed when it has a shard, and journals.
interrupted() {
  DITMESH_TEST_INSTANT=1 DITMESH_TEST_PAUSE=shard-rename=60000 "$bin" generate "${quick[@]}" --output "$@" \
    >"$work/.out" 2>"$work/.err" </dev/null &
  local process=$! i
  for ((i = 0; i < 600; ++i)); do
    if [[ -n $(find "$1/shards" -name '*.h5' 2>/dev/null) && -n $(find "$1/journal" -name '*replica*' 2>/dev/null) ]]; then
      break
    fi
    sleep 0.1
  done
  kill -KILL "$process"
  wait "$process" 2>/dev/null || true
}

make_raw() {
  run_mpi 2 generate "${common[@]}" --prompts "$work/../rows.csv" --images-per-prompt 2 --shard-size 4 --save-latents \
    --output "$root/raw"
  succeeded "raw pixels, latents"
}
make_failed() {
  run DITMESH_TEST_FAIL="nan:a dog" generate "${common[@]}" --prompts "$work/../rows.csv" --images-per-prompt 2 \
    --shard-size 2 --save-latents --output "$root/failed"
  equal "failed samples: exit code" "$code" 10
}
make_encoded() {
  local format
  for format in png webp jpeg:90; do
    run DITMESH_TEST_FAIL="nan:with 2" generate "${quick[@]}" --image-format $format --output "$root/${format%:*}"
    equal "$format: exit code" "$code" 10
  done
}
make_interrupted() {
  interrupted "$root/killed"
  check "killed: no index" test ! -e "$root/killed/dataset.h5"
  interrupted "$root/killed-part" --part 0/2
  check "killed part: no index" test ! -e "$root/killed-part/dataset.h5"
}
make_parts() {
  run generate "${quick[@]}" --part 1/2 --output "$root/parts"
  run generate "${quick[@]}" --part 0/2 --output "$root/parts"
  run index "$root/parts"
  succeeded "parts"
}

root=$work
quick=("${common[@]}" --prompts "$root/rows.txt" --shard-size 2)
in_parallel make_raw make_failed make_encoded make_interrupted make_parts

# The tables, from both sides.
code=0
found=$("$python" "$checker" "$page" raw:artist failed:artist png webp jpeg killed killed-part parts 2>&1) || code=$?
equal "the tables of FORMAT.md are what the files are" "$found" ""
equal "the comparison ran to its end" "$code" 0

# The recipe of the content hash by hand: an example without a dataset.
example=$(awk '/^```sh/ { on = 1; next } /^```/ { on = 0 } on' "$page")
equal "the example's hash" "$(bash <<<"$example")" "$(sed -n 's/^# \([0-9a-f]\{64\}\)$/\1/p' <<<"$example")"
contains "the example's hash of pixels" "$example" "# $(head -c 768 /dev/zero | sha256sum | cut -c 1-64)"

# The traps: a missing shard is an error behind a link, and black pixels in a virtual dataset.
cp -r raw missing
rm missing/shards/32x32-000000.h5
equal "a missing shard" "$("$python" - 2>&1 <<'END'
import h5py
with h5py.File("missing/dataset.h5") as index:
    print("virtual:", index["32x32/images"][0].any(), end="; ")
    try:
        index["by_shard/32x32-000000"]
    except (KeyError, OSError):
        print("link: an error")
END
)" "virtual: False; link: an error"
run index missing
equal "an index over what is there: exit code" "$code" 10
equal "an index over what is there: no virtual datasets, rows of -1" "$("$python" - 2>&1 <<'END'
import h5py
with h5py.File("missing/dataset.h5") as index:
    print(sorted(index["32x32"]), index["32x32/row"][0], index["32x32"].attrs["num_shards"])
END
)" "['row'] -1 1"

finish

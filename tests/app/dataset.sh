#!/usr/bin/env bash
# What `generate` leaves, as the dataset contract says, and what verify, compare
# and export make of it.
# shellcheck disable=SC2031 # $work of a section is its own
set -euo pipefail
source "$(dirname "$0")/lib.sh"
num_jobs=4
export OMP_WAIT_POLICY=passive # several runs share the cores

quick=(--model "$model" --height 32 --width 32 --steps 2 --device cpu --threads 1 --max-sequence-length 32)
generate() { run generate "${quick[@]}" "$@"; }

cat >"$work/rows.csv" <<'END'
id,prompt,seed,height,width,guidance,true_cfg,negative_prompt,artist
cat,"a cat, asleep",7,32,32,,,,Ada
käfer/1,Ein Käfer,,48,32,5,,,
..,"a dog ""Rex""",4294967303,32,32,,3,blurry,Bo
tree,a tree,,32,32,,,,
END
generate --prompts "$work/rows.csv" --output "$work/data" --images-per-prompt 2 --save-latents --shard-size 4
succeeded "generate"
generate_log=$err
data=$work/data

layout() {
  equal "files" "$(cd "$data" && find . -type f | sort | tr '\n' ' ')" \
    "./dataset.h5 ./job.json ./job.lock ./shards/32x32-000000.h5 ./shards/32x32-000001.h5 ./shards/48x32-000000.h5 ./traces/attempt-1.$(hostname).h5 "
  equal "the journal is there and empty" "$(ls -A "$data/journal")$?" 0
  equal "no partial files" "$(find "$data" -name '*.tmp*' -o -name '.*' -type f)" ""
  local job=$data/job.json
  equal "job.json: origin of settings" \
    "$(json "$job" 'd["settings"]["height"]["origin"], d["settings"]["guidance"]["origin"], d["settings"]["height"]["value"]')" \
    "('command line', 'default', '32')"
  contains "job.json: what the contract lists" "$(json "$job" 'sorted(d)')" attempts content_hash manifest mesh model numerics settings versions
  equal "job.json: numerics" "$(json "$job" 'd["numerics"]["dtype"], d["numerics"]["threads"], d["mesh"]')" "('fp32', 1, 'data=1')"
  equal "job.json: hash of the manifest" "$(json "$job" 'd["manifest"]["sha256"]')" "$(sha256sum "$work/../rows.csv" | cut -d' ' -f1)"
  equal "job.json and index: content hash" "$(json "$job" 'd["content_hash"]')" "$(content_hash "$data")"
  equal "seeds above 2^32 are told once" "$(grep -c '2^32' <<<"$generate_log")" 1
  contains "with the count" "$(grep '2^32' <<<"$generate_log")" "1 seed" "seed_in_manifest"
  local full=0
  "$bin" inspect "$data" >/dev/full 2>full-err || full=$?
  equal "inspect to a full disk: exit code 3" "$full" 3
  run inspect "$data/dataset.h5"
  contains "inspect: for people" "$out" "8 (8 done, 0 failed" "32x32: 6" "48x32: 2" "artist" "content hash"
}

hdf5() {
  if ! command -v h5dump >/dev/null; then
    echo "h5dump (hdf5-tools) is not here: what the HDF5 files hold is not looked at"
    return
  fi
  local index=$data/dataset.h5 shard=$data/shards/32x32-000001.h5 column header
  # values FILE DATASET: on one line; h5dump shows bytes of UTF-8 as it likes, here as ?
  values() {
    h5dump -y -w 0 -d "$2" "$1" | awk 'on == 1 && /}/ { on = 2 } on == 1; on == 0 && /DATA {/ { on = 1 }' |
      LC_ALL=C sed 's/\\[0-7]\{3,11\}/?/g; s/[^ -~]/?/g' | tr -d ' \n'
  }
  for column in id prompt negative_prompt error sha256 row copy seed steps guidance true_cfg device_seconds attempt status \
    bucket index_in_bucket shard index_in_shard artist seed_in_manifest; do
    check "index: /samples/$column" h5dump -H -d "/samples/$column" "$index" >/dev/null 2>&1
    check "shard: /samples/$column" h5dump -H -d "/samples/$column" "$shard" >/dev/null 2>&1
  done
  equal "rows in manifest order, copies together" "$(values "$index" /samples/row) $(values "$index" /samples/copy)" \
    "0,0,1,1,2,2,3,3 0,1,0,1,0,1,0,1"
  equal "ids are kept" "$(values "$index" /samples/id)" '"cat","cat","k??fer/1","k??fer/1","..","..","tree","tree"'
  contains "prompts are kept" "$(values "$index" /samples/prompt)" 'acat,asleep' 'EinK??fer' 'Rex'
  equal "further columns are kept" "$(values "$index" /samples/artist)" '"Ada","Ada",NULL,NULL,"Bo","Bo",NULL,NULL'
  contains "seeds: given, plus the copy; modulo 2^32" "$(values "$index" /samples/seed)" "7,8," ",7,8,"
  contains "seed_in_manifest has the large one" "$(values "$index" /samples/seed_in_manifest)" 4294967303
  equal "attempt: the first made them all" "$(values "$index" /samples/attempt)" 1,1,1,1,1,1,1,1
  equal "status: an enum, all done" "$(values "$index" /samples/status)" done,done,done,done,done,done,done,done
  header=$(h5dump -H -d /samples/status "$index")
  contains "status: its numbers" "$(tr -d '" ' <<<"$header")" H5T_ENUM missing0 done1 failed2
  for column in "row H5T_STD_I64LE" "copy H5T_STD_I32LE" "seed H5T_STD_I64LE" "steps H5T_STD_I32LE" "guidance H5T_IEEE_F32LE" \
    "true_cfg H5T_IEEE_F32LE" "device_seconds H5T_IEEE_F32LE" "id H5T_VARIABLE" "sha256 64"; do
    contains "type of ${column% *}" "$(h5dump -H -d "/samples/${column% *}" "$index")" "${column#* }"
  done
  header=$(h5dump -p -H -d /32x32/images "$data/shards/32x32-000000.h5")
  contains "images: uint8 [N, H, W, 3], a picture a chunk, deflate 1" "$header" H5T_STD_U8LE "( 4, 32, 32, 3 )" \
    "CHUNKED ( 1, 32, 32, 3 )" "COMPRESSION DEFLATE { LEVEL 1 }" axes units
  check "images: no shuffle" bash -c '! grep -q SHUFFLE <<<"$1"' _ "$header"
  contains "latents: float32 [N, C, H/8, W/8]" "$(h5dump -H -d /48x32/latents "$data/shards/48x32-000000.h5")" \
    H5T_IEEE_F32LE "( 2, 4, 6, 4 )"
  contains "bucket: height and width" "$(h5dump -A -g /48x32 "$index" | tr -s ' \n' ' ')" '"height"' '(0): 48' '"width"' '(0): 32'
  equal "index: virtual images reach the pixels" "$(values "$index" /48x32/images | sha256sum)" \
    "$(values "$data/shards/48x32-000000.h5" /48x32/images | sha256sum)"
  contains "index: links to the shards" "$(h5dump -n "$index")" "/by_shard/32x32-000001" "shards/32x32-000001.h5"
  contains "index: a preview that viewers show" "$(h5dump -A -d /preview "$index")" CLASS IMAGE INTERLACE_PIXEL
  contains "index: root attributes" "$(h5dump -a /content_hash -a /format_version "$index")" "$(content_hash "$data")"
}

# The README's recipe, word for word, by h5py alone.
h5py() {
  local python
  python=$(python_with_h5py)
  if [[ -z $python ]]; then
    echo "h5py (python3-h5py) is not here: the README's recipe is not run"
    return
  fi
  ln -s "$data" cats
  readme_python 1 >recipe.py
  cat >>recipe.py <<'END'
    import hashlib
    assert pixels.shape == (32, 32, 3) and pixels.dtype == "uint8", (pixels.shape, pixels.dtype)
    assert hashlib.sha256(pixels.tobytes()).hexdigest() == index["samples/sha256"].asstr()[row]
    assert prompt and index["samples/status"][row] == 1
    print("recipe works")
END
  equal "the README's recipe for h5py" "$("$python" recipe.py 2>&1)" "recipe works"
}

verify() {
  run verify "$data"
  succeeded "verify"
  contains "verify: says so" "$out" "8 done"
  cp -r "$data" bad
  flip_a_bit bad/shards/32x32-000000.h5
  run verify bad
  check "a flipped bit: verify fails" test "$code" -ne 0
  contains "a flipped bit: verify names the sample" "$out$err" "cat"
  run verify bad --json
  equal "a flipped bit: --json says so" "$(json "$out" 'd["ok"], len(d["problems"]) > 0')" "(False, True)"
  rm bad/shards/32x32-000000.h5
  run verify bad
  check "a missing shard: verify fails" test "$code" -ne 0
  contains "a missing shard: verify names it" "$out$err" "32x32-000000"
  run export bad --to png
  check "a missing shard: export fails" test "$code" -ne 0
  contains "a missing shard: export names it" "$err" "32x32-000000" "error"
  cp "$data/shards/32x32-000000.h5" bad/shards/
  truncate -s -2000 bad/shards/32x32-000000.h5
  run verify bad
  check "a truncated shard: verify fails" test "$code" -ne 0
  contains "a truncated shard: verify names it" "$out$err" "32x32-000000"
  run verify "$work"
  equal "no dataset: exit code 2" "$code" 2
  contains "no dataset: says so" "$err" "not a dataset" "dataset.h5"
}

export_png() {
  run export "$data" --to png
  succeeded "export png"
  equal "PNG files, named by id" "$(cd png/images && printf '%s ' *)" \
    "%2E.-0.png %2E.-1.png cat-0.png cat-1.png k%C3%A4fer%2F1-0.png k%C3%A4fer%2F1-1.png tree-0.png tree-1.png "
  equal "each with the signature and size of a PNG" "$(python3 - <<'END'
import glob, struct
sizes = set()
for path in glob.glob("png/images/*.png"):
    head = open(path, "rb").read(24)
    assert head[:8] == b"\x89PNG\r\n\x1a\n", path
    sizes.add(struct.unpack(">II", head[16:24]))
print(sorted(sizes))
END
)" "[(32, 32), (32, 48)]"
  equal "metadata.jsonl: a line a picture, each file there" "$(python3 - <<'END'
import json, os
rows = [json.loads(line) for line in open("png/metadata.jsonl")]
assert all(os.path.exists(os.path.join("png", row["file_name"])) for row in rows)
print(len(rows), rows[0]["text"], rows[0]["seed"], rows[0]["artist"], rows[2]["id"], rows[4]["text"])
END
)" '8 a cat, asleep 7 Ada käfer/1 a dog "Rex"'
  mkdir full
  echo mine >full/notes
  run export "$data" --to full
  equal "export into a folder that is not empty: exit code 2" "$code" 2
  contains "export into a folder that is not empty: says so" "$err" "not empty"
  run export "$data" --format contact-sheet --to sheet.png
  succeeded "export contact-sheet"
  equal "contact sheet: a PNG" "$(head -c 8 sheet.png | od -An -tx1 | tr -d ' ')" 89504e470d0a1a0a
  contains "contact sheet: says how many" "$err" "8 of 8"
  run export "$data" --format contact-sheet --to png
  equal "contact sheet over a folder: exit code 2" "$code" 2
  run export "$data" --format webp --to x
  equal "unknown format: exit code 2" "$code" 2
}

compare() {
  generate --prompt "a cat" --prompt "a dog" --output one --seed 1
  generate --prompt "a cat" --prompt "a dog" --output two --seed 2
  run compare one two --picture worst.png
  equal "two seeds: exit code 10" "$code" 10
  contains "two seeds: PSNR" "$out" "2 samples, 0 identical" "PSNR" "dB" "max difference"
  equal "two seeds: the picture of the pairs" "$(head -c 8 worst.png | od -An -tx1 | tr -d ' ')" 89504e470d0a1a0a
  run compare one two --json
  equal "two seeds: --json" "$(json "$out" 'd["num_identical"] if "num_identical" in d else d["identical"]') $code" "0 10"
  run compare one two --min-psnr 1
  equal "two seeds: --min-psnr 1" "$code" 0
  run compare one two --min-psnr 99
  equal "two seeds: --min-psnr 99" "$code" 10
  run compare one one --picture none.png
  succeeded "with itself"
  check "with itself: no picture" test ! -e none.png
  run compare one "$data"
  equal "other samples: exit code 10" "$code" 10
  contains "other samples: which" "$out" "only in"
  run compare one none
  equal "no dataset: exit code 2" "$code" 2
}

seeds() {
  local derived
  generate --prompt "a cat" --output given --seed 12
  run export given --to given-png
  derived=$(json "$(head -n 1 given-png/metadata.jsonl)" 'd["seed"]')
  equal "a row without a seed: from job seed, id and copy" "$derived" \
    "$(python3 -c 'import hashlib; print(int(hashlib.sha256(b"[12,\"0\",0]").hexdigest()[:8], 16))')"
  printf 'prompt,seed\na cat,%s\n' "$derived" >explicit.csv
  printf 'prompt,seed\na cat,%s\n' $((derived + (1 << 32) * 3)) >large.csv
  generate --prompts explicit.csv --output explicit
  generate --prompts large.csv --output large
  equal "the same seed, written in the manifest" "$(content_hash explicit)" "$(content_hash given)"
  equal "and modulo 2^32" "$(content_hash large)" "$(content_hash given)"
  generate --prompts <(printf 'prompt,seed\na cat,4294967295\n') --output pipe
  equal "a pipe has no suffix: exit code 2" "$code" 2
  printf 'prompt,seed\na cat,4294967295\n' >wrap.csv
  generate --prompts wrap.csv --output wrap --images-per-prompt 2
  run export wrap --to wrap-png
  equal "copies of the last seed go round" "$(sed 's/.*"seed": *\([0-9]*\).*/\1/' wrap-png/metadata.jsonl | tr '\n' ' ')" "4294967295 0 "
}

manifests() {
  local kind reference
  printf 'a cat\n\nEin Käfer, "groß"\n' >rows.txt
  printf '\xef\xbb\xbfCaption\r\na cat\r\n"Ein Käfer, ""groß"""\r\n' >rows.csv
  printf 'text\na cat\nEin Käfer, "groß"\n' >rows.tsv
  printf '{"prompt": "a cat"}\n{"prompt": "Ein K\\u00e4fer, \\"groß\\""}\n' >rows.jsonl
  generate --prompts rows.txt --output txt
  succeeded "txt"
  contains "blank lines are counted" "$err" "1 blank line"
  reference=$(content_hash txt)
  for kind in csv jsonl; do
    generate --prompts "rows.$kind" --output $kind
    equal "$kind: the hash of txt" "$code $(content_hash $kind)" "0 $reference"
  done
  printf 'text\na cat\n"Ein Käfer, ""groß"""\n' >rows.tsv
  generate --prompts rows.tsv --output tsv
  equal "tsv: the hash of txt" "$code $(content_hash tsv)" "0 $reference"
  generate --prompt "a cat" --prompt 'Ein Käfer, "groß"' --output prompts
  equal "--prompt: the hash of txt" "$code $(content_hash prompts)" "0 $reference"
  generate --prompts - --output stdin-txt <rows.txt
  equal "standard input, txt" "$code $(content_hash stdin-txt)" "0 $reference"
  generate --prompts - --output stdin-jsonl <rows.jsonl
  equal "standard input, jsonl" "$code $(content_hash stdin-jsonl)" "0 $reference"
  code=0
  timeout 120 mpirun --oversubscribe -n 2 "$bin" generate "${quick[@]}" --prompts - --output stdin-mpi <rows.jsonl 2>err || code=$?
  equal "standard input under mpirun" "$code $(content_hash stdin-mpi)" "0 $reference"
  printf 'a cat\nEin Käfer, "groß"\na third\n' >three.txt
  generate --prompts three.txt --limit 2 --output limit
  equal "--limit" "$code $(content_hash limit)" "0 $reference"
  generate --prompts three.txt --output dry --dry-run
  succeeded "--dry-run"
  contains "--dry-run: says what it would do" "$out" "3 pictures" "32x32" "mesh"
  check "--dry-run: writes nothing" test ! -e dry
  mkdir empty
  generate --prompts three.txt --limit 1 --output empty
  succeeded "an empty folder as output"
  printf 'words,prompt\na cat,x\n"Ein Käfer, ""groß""",y\n' >column.csv
  generate --prompts column.csv --prompt-column words --output column
  equal "--prompt-column" "$code $(content_hash column)" "0 $reference"
}

models() {
  run generate --model "$golden/schnell/model" --height 32 --width 32 --prompt "a cat" --output schnell
  succeeded "schnell"
  local repository=$work/home/hub/models--someone--tiny/snapshots/abc
  mkdir -p "$repository" "${repository%/snapshots/abc}/refs"
  printf abc >"${repository%/snapshots/abc}/refs/main"
  rmdir "$repository"
  ln -s "$model" "$repository"
  run HF_HOME="$work/home" generate --model someone/tiny --height 32 --width 32 --steps 2 --prompt "a cat" --output cache
  succeeded "a model from the HuggingFace cache, by its name"
  equal "no --steps: the model's default" "$(
    "$bin" generate --model "$golden/schnell/model" --height 16 --width 16 --prompt x --output default 2>/dev/null
    "$bin" export default --to default-png 2>/dev/null
    sed 's/.*"steps": *\([0-9]*\).*/\1/' default-png/metadata.jsonl
  )" 4
}

in_parallel manifests layout hdf5 verify export_png compare seeds models h5py

finish

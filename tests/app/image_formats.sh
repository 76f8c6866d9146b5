#!/usr/bin/env bash
# `--image-format`: the same pictures as raw pixels, PNG, WebP and JPEG; what verify, compare, export, inspect
# and other programs make of them.
# shellcheck disable=SC2031 # $work of a section is its own
set -euo pipefail
source "$(dirname "$0")/lib.sh"
num_jobs=4
export OMP_WAIT_POLICY=passive # several runs share the cores

cat >"$work/rows.csv" <<'END'
id,prompt,seed,height,width
cat,a cat,7,32,32
dog,a dog,,48,32
tree,a tree,,32,32
END
quick=(--model "$model" --prompts "$work/rows.csv" --steps 2 --device cpu --threads 1 --max-sequence-length 32
  --images-per-prompt 2 --shard-size 2)
root=$work
formats=(raw png webp jpeg:90)
# output FORMAT: where its dataset is.
output() { echo "$root/${1%:*}"; }

for format in "${formats[@]}"; do
  run_mpi 2 generate "${quick[@]}" --output "$(output "$format")" --image-format "$format"
  succeeded "generate $format"
done

same_samples() {
  local format data
  for format in "${formats[@]}"; do
    data=$(output "$format")
    equal "$format: content hash" "$(content_hash "$data")" "$(content_hash "$(output raw)")"
    equal "$format: job.json" "$(json "$data/job.json" 'd["image_format"], d["settings"]["image-format"]["value"]')" \
      "('$format', '$format')"
    run verify "$data"
    succeeded "$format: verify"
    contains "$format: verify says so" "$out" "6 done" "every picture is what it was"
    run inspect "$data"
    contains "$format: inspect says the format" "$out" "pictures as $format"
    run inspect "$data" --json
    equal "$format: inspect --json" "$(json "$out" 'd["image_format"]')" "$format"
    run generate "${quick[@]}" --output "$data" --image-format "$format"
    succeeded "$format: started again, nothing is to do"
  done
}

compare() {
  local format
  for format in png webp; do
    run compare "$(output raw)" "$(output $format)"
    succeeded "$format: no pixel differs"
    contains "$format: all are identical" "$out" "6 samples, 6 identical"
  done
  run compare "$(output raw)" "$(output jpeg)"
  equal "jpeg:90 differs: exit code" "$code" 10
  contains "jpeg:90 differs: says so" "$out" "6 samples, 0 identical" "PSNR"
  run compare "$(output png)" "$(output jpeg)" --min-psnr 20
  succeeded "jpeg:90 is within 20 dB"
}

export_all() {
  local format
  for format in "${formats[@]}"; do
    run export "$(output "$format")" --to "$format"
    succeeded "$format: export"
    equal "$format: the same names" "$(ls "$format/images")" "$(ls raw/images)"
    run export "$(output "$format")" --format contact-sheet --to "$format.png"
    succeeded "$format: contact sheet"
  done
  check "png: the same files as of raw pixels" diff -r raw/images png/images
  check "webp: the same files as of raw pixels" diff -r raw/images webp/images
  check "webp: the same contact sheet" cmp raw.png webp.png
  check "jpeg:90: others" bash -c '! cmp -s raw/images/cat-0.png jpeg:90/images/cat-0.png'
}

damage() {
  local format
  for format in png webp jpeg; do
    cp -r "$(output $format)" $format
    python3 - $format <<'END'
import sys
begins = {"png": b"\x89PNG\r\n\x1a\n", "webp": b"RIFF", "jpeg": b"\xff\xd8\xff"}
path = f"{sys.argv[1]}/shards/32x32-000000.h5"
data = bytearray(open(path, "rb").read())
data[data.index(begins[sys.argv[1]]) + 300] ^= 4
open(path, "wb").write(data)
END
    run verify $format
    equal "$format: a flipped bit: exit code" "$code" 3
    contains "$format: a flipped bit: verify names the sample" "$out" "sample 'cat' copy 0 in the shard 32x32-000000" \
      "the encoded picture has the SHA-256"
  done
}

failed_once() {
  run DITMESH_TEST_FAIL="nan:a tree" generate "${quick[@]}" --output data --image-format jpeg:90
  equal "a failed sample: exit code" "$code" 10
  run verify data
  succeeded "a failed sample: verify"
  run generate "${quick[@]}" --output data --image-format jpeg:90 --retry-failed
  succeeded "a failed sample: --retry-failed"
  run verify data
  succeeded "a failed sample: verify again"
  run compare data "$(output jpeg)"
  succeeded "a failed sample: the dataset of an undisturbed run"
}

refused() {
  local given
  cp -r "$(output png)" png
  for given in raw webp jpeg:90; do
    run generate "${quick[@]}" --output png --image-format $given
    equal "another format than before: exit code" "$code" 2
    contains "another format than before: says so" "$err" "--image-format was png, is $given now"
  done
  for given in gif jpeg jpeg:0 jpeg:101 webp:80; do
    run generate "${quick[@]}" --output new --image-format $given
    equal "--image-format $given: exit code" "$code" 2
    contains "--image-format $given: says the rule and a way out" "$err" \
      "--image-format must be raw, png, webp or jpeg:Q with a quality Q from 1 to 100, found '$given'" "give "
  done
  run generate --model "$model" --prompt "a cat" --height 16 --width 16384 --output new --image-format webp
  equal "a side too long for webp: exit code" "$code" 2
  contains "a side too long for webp: says so" "$err" "at most 16383 pixels a side" "16x16384" "use png"
  check "nothing is written" test ! -e new
  run generate "${quick[@]}" --output new --image-format jpeg:85 --dry-run
  contains "--dry-run says the format" "$out" "stored as jpeg:85"
  run generate "${quick[@]}" --output new --dry-run
  check "--dry-run says nothing of raw pixels" bash -c '[[ $1 != *"stored as"* ]]' _ "$out"
}

# By h5py alone, with the README's recipe word for word; a decoder if there is one.
h5py() {
  local python format
  python=$(python_with_h5py)
  if [[ -z $python ]]; then
    echo "h5py (python3-h5py) is not here: encoded pictures are not read by another program"
    return
  fi
  "$python" -c 'import PIL' 2>/dev/null || echo "Pillow is not here: encoded pictures are told by their first bytes"
  for format in png webp jpeg; do
    mkdir $format
    ln -s "$(output $format)" $format/cats
    {
      printf 'import io\ntry: import numpy, PIL.Image\nexcept ImportError: PIL = None\n'
      readme_python 1 | sed -e 's/row = 7/row = 5/' -e '$d'
      readme_python 2 | sed 's/^    pixels = /    if PIL: pixels = /'
      cat <<'END'
    import hashlib, sys
    begins = {"png": b"\x89PNG\r\n\x1a\n", "webp": b"RIFF", "jpeg": b"\xff\xd8\xff"}
    kind = sys.argv[1]
    bucket = index["samples/bucket"].asstr()[row]
    assert encoded.startswith(begins[kind]), encoded[:8]
    assert shard[bucket]["encoded"].attrs["media_type"] == "image/" + kind
    assert hashlib.sha256(encoded).hexdigest() == index["samples/encoded_sha256"].asstr()[row]
    assert index[bucket]["encoded"][index["samples/index_in_bucket"][row]].tobytes() == encoded, "virtual"
    if PIL:
        assert pixels.shape == (32, 32, 3), pixels.shape
        same = hashlib.sha256(pixels.tobytes()).hexdigest() == index["samples/sha256"].asstr()[row]
        assert same == (kind != "jpeg")
    print("recipe works")
END
    } >$format/recipe.py
    equal "$format: the README's recipe for h5py" "$(cd $format && "$python" recipe.py $format 2>&1)" "recipe works"
  done
}

in_parallel same_samples compare export_all damage failed_once refused h5py

finish

#!/usr/bin/env bash
# `score`: pictures that show what their captions tell, pictures that do not, captions that it does not understand.
# shellcheck disable=SC2031 # $work of a section is its own
set -euo pipefail
source "$(dirname "$0")/lib.sh"
export OMP_WAIT_POLICY=passive
python=$(python_with_h5py)

quick=(--model "$model" --height 32 --width 32 --steps 2 --device cpu --threads 1 --max-sequence-length 32)
# verdicts JSON: one letter a sample
verdicts() { json "$1" '"".join(s["verdict"][0] for s in d["samples"])'; }

# The random model draws noise: all is wrong, and the command has done its work.
random_model() {
  printf '%s\n' "a red circle" "a small blue square left of a green star" "a cat, asleep" >rows.txt
  run DITMESH_TEST_FAIL="nan:red circle" generate "${quick[@]}" --prompts rows.txt --output noise
  equal "one sample fails: exit code" "$code" 10
  run score noise
  succeeded "noise is judged"
  contains "noise: each sample and the sum" "$out" "1 #0: wrong: there is no" "2 #0: not understood: at 'cat'" \
    "right: 0.0 % (0 of 1, 95 % interval 0.0 % to" "captions not understood: 1" "failed, without a picture: 1"
  equal "noise: nothing on standard error" "$err" ""
  local format
  for format in png webp jpeg:90; do
    run generate "${quick[@]}" --image-format "$format" --prompts rows.txt --output "${format%:*}"
    run score "${format%:*}" --json
    succeeded "$format is read"
    equal "$format: verdicts" "$(verdicts "$out")" wwn
  done
  run generate "${quick[@]}" --prompt "a cat" --prompt "a dog" --output cats
  run score cats --json
  equal "no caption is understood: exit code" "$code" 2
  contains "no caption is understood: says the first" "$err" "none of 2 captions is understood" "'a cat' at 'cat'"
  equal "no caption is understood: JSON all the same" "$(verdicts "$out") $(json "$out" 'd["right"]["share"]')" "nn None"
  run DITMESH_TEST_FAIL="nan:a" generate "${quick[@]}" --prompt "a red circle" --output failed
  run score failed
  equal "no picture: exit code" "$code" 2
  contains "no picture: says so" "$err" "of 1 sample none is done"
  rm noise/shards/*
  run score noise
  equal "a lost shard: exit code" "$code" 3
  equal "a lost shard: nothing is printed" "$out" ""
  run score nowhere
  equal "no dataset: exit code" "$code" 2
}

# Drawn here, of three sizes in one dataset.
drawn() {
  if [[ -z $python ]]; then
    echo "h5py is not here: drawn scenes are left out"
    return
  fi
  PYTHONDONTWRITEBYTECODE=1 "$python" - "$golden/../../models/shapes/train" <<'END'
import sys
import numpy
sys.path.insert(0, sys.argv[1])
from drawn_dataset import write_dataset

RED, BLUE, WHITE, BLACK = (220, 35, 35), (40, 75, 220), (245, 245, 245), (20, 20, 20)

def draw(size, ground, *objects):
    picture = numpy.ones((*size, 3)) * ground
    y, x = numpy.mgrid[:size[0], :size[1]] + 0.5
    for shape, colour, cx, cy, r in objects:
        distance = numpy.hypot(x - cx, y - cy) - r if shape == "circle" else numpy.maximum(abs(x - cx), abs(y - cy)) - 0.88 * r
        cover = numpy.clip(0.5 - distance, 0, 1)[..., None]
        picture = picture * (1 - cover) + cover * colour
    return picture.round().astype("u1")

pair = draw((256, 256), WHITE, ("circle", RED, 60, 120, 36), ("square", BLUE, 180, 130, 24))
wide = draw((192, 320), BLACK, ("circle", RED, 60, 50, 23), ("square", BLUE, 60, 140, 23))
write_dataset("drawn", [
    ("true", "a red circle left of a small blue square on a white background", pair),
    ("wide", "A small blue square below a red circle.", wide),
    ("tall", "a large white circle", draw((320, 192), BLACK, ("circle", WHITE, 96, 150, 54))),
    ("colour", "a blue circle left of a small red square", pair),
    ("shape", "a red circle left of a blue star", pair),
    ("size", "a red circle left of a large blue square", pair),
    ("order", "a red circle left of a blue square", wide),
    ("background", "a red circle on the left on a white background", draw((256, 256), BLACK, ("circle", RED, 60, 128, 36))),
    ("mosaic", "a red circle and a blue square", pair.reshape(32, 8, 32, 8, 3).mean((1, 3)).astype("u1").repeat(8, 0).repeat(8, 1)),
    ("cat", "a cat", pair)])
END
  run score drawn
  succeeded "drawn scenes are judged"
  contains "drawn scenes: what is wrong" "$out" "true #0: right" "wide #0: right" "tall #0: right" "colour #0: wrong: " \
    "shape #0: wrong: the blue object is a square, not a star" "size #0: wrong: the blue square is small, not large" \
    "order #0: wrong: the red circle is not left of the blue square" \
    "background #0: wrong: the background is black, not white" "mosaic #0: wrong: " "cat #0: not understood: at 'cat'" \
    "right: 33.3 % (3 of 9, 95 % interval 12.1 % to 64.6 %)" "  1 object: 50.0 % (1 of 2" "  2 objects: 28.6 % (2 of 7" \
    "  sizes: 60.0 % (3 of 5" "captions not understood: 1"
  run score drawn/dataset.h5 --json
  succeeded "--json"
  equal "JSON: verdicts" "$(verdicts "$out")" rrrwwwwwwn
  equal "JSON: keys" "$(json "$out" '" ".join(d)')" "samples right by_objects aspects not_understood failed missing"
  equal "JSON: a sample's keys" "$(json "$out" '" ".join(d["samples"][0])')" "id copy prompt verdict why aspects"
  equal "JSON: one aspect is wrong" \
    "$(json "$out" '" ".join(k for s in d["samples"][4:8] for k, v in s["aspects"].items() if not v)')" "shapes sizes order background"
  equal "JSON: shares" "$(json "$out" '[d["right"]["hits"], d["right"]["total"], d["by_objects"]["1"]["share"]]')" "[3, 9, 0.5]"
  run verify drawn
  succeeded "the dataset that was drawn is as the format says"
}

in_parallel random_model drawn
finish

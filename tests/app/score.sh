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
  contains "noise: each sample and the sum" "$out" "1 #0: wrong: there is no" "2 #0: not understood: after 'a', at 'cat': a colour is missing" \
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
  contains "no caption is understood: says the first" "$err" "none of 2 captions is understood" "'a cat' after 'a', at 'cat'"
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

# Prompts are anyone's text: no line on the terminal is broken or coloured by one, JSON has it as it is.
strange_prompts() {
  local long
  long="a cat $(printf 'é%.0s' {1..300})"
  printf '{"prompt": "%s"}\n' 'a cat\u001b[31m\nasleep' "$long" 'a red circle\r\non the left\t' >rows.jsonl
  run generate "${quick[@]}" --prompts rows.jsonl --output strange
  run score strange
  succeeded "strange prompts"
  contains "strange prompts: escaped and cut" "$out" '("a cat\x1b[31m\nasleep")' "($(printf '"%s' "${long:0:103}")…\")" \
    'wrong: there is no' '("a red circle\r\non the left\t")'
  equal "strange prompts: a line each" "$(grep -c '#0: ' <<<"$out") $(grep -c $'\e' <<<"$out" || true)" "3 0"
  run score strange --json
  equal "strange prompts: whole in JSON" "$(json "$out" '[s["prompt"] for s in d["samples"]][:2] == ["a cat\x1b[31m\nasleep", "'"$long"'"]')" True
  run generate "${quick[@]}" --prompt $'a cat\e[31m'"$long" --output error
  run score error
  equal "strange prompts: none understood: exit code" "$code" 2
  contains "strange prompts: escaped and cut in the error" "$err" 'the first, '"'"'a cat\x1b[31m' "é…'"
  equal "strange prompts: no escape in the error" "$(grep -c $'\e' <<<"$err" || true)" 0
}

# What cannot be read ends the document, which says so.
damaged() {
  printf '%s\n' "a cat" "a red circle" >rows.txt
  run generate "${quick[@]}" --prompts rows.txt --output two
  run score two --json
  equal "no damage: no error in the JSON" "$code $(json "$out" 'd["error"]')" "0 None"
  flip_a_bit two/shards/* # the cat's picture, which is not read
  flip_a_bit two/shards/* # the next whole one
  run score two --json
  equal "damaged bytes: exit code" "$code" 3
  equal "damaged bytes: the document is whole" "$(verdicts "$out") $(json "$out" '"two/shards" in d["error"]')" "n True"
  run score two
  equal "damaged bytes: text has no sum" "$code $(grep -c right: <<<"$out" || true)" "3 0"
}

# One process does it, or none: nothing is said twice.
several_processes() {
  run generate "${quick[@]}" --prompt "a red circle" --output one
  local command
  for command in "score one" "inspect one" "compare one one" "trace one"; do
    # shellcheck disable=SC2086 # words
    run_mpi 2 $command
    equal "mpirun -n 2 $command: exit code" "$code" 2
    equal "mpirun -n 2 $command: one error, nothing else" "$(num_errors "$err") $out" "1 "
    contains "mpirun -n 2 $command: says so" "$err" "runs in one process, mpirun started 2" "start it without mpirun"
  done
  run_mpi 1 score one
  succeeded "mpirun -n 1 score"
}

# Drawn here, of three sizes in one dataset.
drawn() {
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
    "background #0: wrong: the background is black, not white" "mosaic #0: wrong: " "cat #0: not understood: after 'a', at 'cat'" \
    "right: 33.3 % (3 of 9, 95 % interval 12.1 % to 64.6 %)" "  1 object: 50.0 % (1 of 2" "  2 objects: 28.6 % (2 of 7" \
    "  sizes: 60.0 % (3 of 5" "captions not understood: 1"
  run score drawn/dataset.h5 --json
  succeeded "--json"
  equal "JSON: verdicts" "$(verdicts "$out")" rrrwwwwwwn
  equal "JSON: keys" "$(json "$out" '" ".join(d)')" "samples right by_objects aspects not_understood failed missing error"
  equal "JSON: a sample's keys" "$(json "$out" '" ".join(d["samples"][0])')" "id copy prompt verdict why aspects"
  equal "JSON: one aspect is wrong" \
    "$(json "$out" '" ".join(k for s in d["samples"][4:8] for k, v in s["aspects"].items() if not v)')" "shapes sizes order background"
  equal "JSON: shares" "$(json "$out" '[d["right"]["hits"], d["right"]["total"], d["by_objects"]["1"]["share"]]')" "[3, 9, 0.5]"
  run verify drawn
  succeeded "the dataset that was drawn is as the format says"
}

sections=(random_model strange_prompts damaged several_processes)
if [[ -n $python ]]; then sections+=(drawn); fi
in_parallel "${sections[@]}"
finish
if [[ -z $python ]]; then
  echo "skipped: h5py (python3-h5py) is not here: no scenes can be drawn, all other checks passed"
  exit 77
fi

#!/usr/bin/env bash
# configs/*.ini: each is read, each of its lines does something, and a job can be made of it.
set -euo pipefail
source "$(dirname "$0")/lib.sh"

repository=$(realpath "$golden/../..")
cd "$repository" # as the files' own first lines have it
run generate --print-config
defaults=$out
for file in configs/*.ini; do
  name=$(basename "$file")
  run generate --print-config --config "$file"
  succeeded "$name is read"
  equal "$name: no warnings" "$err" ""
  resolved=$out
  while IFS= read -r line; do
    key=${line%% =*}
    equal "$name: $key is what the file says" "$(grep "^$key = " <<<"$resolved")" "$line"
  done < <(grep -E '^[a-z]' "$file")
  check "$name: it is not the defaults" test "$resolved" != "$defaults"
  folder=$golden/dev/model
  [[ $name == flux.1-schnell* ]] && folder=$golden/schnell/model
  run generate --config "$file" --model "$folder" --prompts configs/demo-prompts.txt --output "$work/$name" --dry-run --max-sequence-length 32
  succeeded "$name makes a job"
  contains "$name: the job" "$out" "picture" "shard"
  check "$name says how it is started" grep -q "^#.*ditmesh generate --config configs/$name" "$file"
done
finish

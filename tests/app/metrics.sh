#!/usr/bin/env bash
# `generate --metrics FILE`, and `inspect` of a running job: what is seen from outside while it runs.
set -euo pipefail
source "$(dirname "$0")/lib.sh"
export OMP_WAIT_POLICY=passive

quick=(--model "$model" --height 32 --width 32 --device cpu --threads 1 --max-sequence-length 32)
for i in $(seq 40); do echo "a cat with $i stripes"; done >rows.txt
# value FILE METRIC
value() { sed -n "s/^ditmesh_$2 //p" "$1"; }

run_mpi 2 generate "${quick[@]}" --steps 40 --prompts rows.txt --output data --metrics job.prom
succeeded "generate --metrics"
equal "nothing else is left" "$(ls job.prom*)" job.prom
equal "lines are HELP, TYPE or a value" \
  "$(grep -cvE '^# (HELP|TYPE) ditmesh_[a-z_]+ |^ditmesh_[a-z_]+(\{[a-z_]+="[^"]*"(,[a-z_]+="[^"]*")*\})? [0-9.e+-]+$' job.prom || true)" 0
equal "every value has its HELP and TYPE before it" "$(awk '
  /^# TYPE/ { known[$3] = 1; next } /^#/ { next }
  { name = $1; sub(/\{.*/, "", name); if (!known[name]) print name }' job.prom)" ""
equal "it has ended" "$(value job.prom running)" 0
equal "all are done" "$(value job.prom samples) $(value job.prom samples_done) $(value job.prom samples_failed) $(value job.prom samples_missing)" "40 40 0 0"
equal "all in this attempt" "$(value job.prom samples_finished_total)" 40
equal "two ranks made them" "$(($(value job.prom 'rank_samples_made_total{rank="0"}') + $(value job.prom 'rank_samples_made_total{rank="1"}')))" 40
check "denoising took time on both" awk '/phase_seconds_total.*denoise/ && $2 > 0 { n++ } END { exit n != 2 }' job.prom
check "device-seconds: two ranks" awk '/^ditmesh_elapsed_seconds/ { e = $2 } /^ditmesh_device_seconds_total/ { d = $2 } END { exit !(d == 2 * e && e > 0) }' job.prom
contains "which job it is" "$(grep job_info job.prom)" 'output="data"' 'attempt="1"' 'mesh="data=2"'

# Again: nothing is to be made, and that is said.
run generate "${quick[@]}" --steps 40 --prompts rows.txt --output data --metrics job.prom
equal "done before" "$(value job.prom samples_done) $(value job.prom samples_finished_total)" "40 0"

# A failure, made again.
run DITMESH_TEST_FAIL="nan:3 stripes" generate "${quick[@]}" --steps 2 --prompts rows.txt --limit 6 --output failing --metrics failing.prom
contains "failures are counted" "$(value failing.prom samples_failed) $(value failing.prom samples_retried_total) code $code" "1 1 code 10"

# While it runs: rank 0 sleeps, so that there is time to look.
DITMESH_TEST_SLEEP=0:12 timeout 120 mpirun --oversubscribe -n 2 "$bin" generate "${quick[@]}" --steps 2 --prompts rows.txt --output slow \
  --metrics slow.prom >slow.log 2>&1 &
for _ in $(seq 300); do
  if [[ -e slow.prom && $(value slow.prom samples_finished_total) -gt 0 ]]; then break; fi
  sleep 0.1
done
equal "metrics of a running job" "$(value slow.prom running)" 1
check "samples are seen as they are made" test "$(value slow.prom samples_finished_total)" -gt 0
check "both ranks are heard of" grep -q 'rank_memory_bytes{rank="1"} [1-9]' slow.prom
run inspect slow
succeeded "inspect of a running job"
contains "it says who runs, how far and until when" "$out" "running: " "is running" "made about " " images/s"
run inspect slow --json
contains "in JSON too" "$(json "$out" 'sorted(d["running_attempts"][0])')" elapsed_s images_per_second left_about left_s made_about number
wait
succeeded_later=$(value slow.prom running)
equal "it has ended" "$succeeded_later" 0

# Refused before anything is written.
refused() { # WHAT FILE WORDS…
  run generate "${quick[@]}" --prompts rows.txt --output new --metrics "$2"
  equal "$1: exit code 2" "$code" 2
  contains "$1: says why" "$err" "${@:3}"
  check "$1: nothing is written" test ! -e new
}
refused "a folder" . "is a folder"
refused "a folder that is not there" none/job.prom "is no folder"
mkdir new-folder
run generate "${quick[@]}" --prompts rows.txt --output new-folder --metrics new-folder/job.prom
equal "inside of the dataset: exit code 2" "$code" 2
contains "inside of the dataset: says why" "$err" "is inside of --output"
finish

#!/usr/bin/env bash
# What a job owes when it is stopped, when a rank hangs or is slow, when samples fail, when it is started again.
# shellcheck disable=SC2031 # $work of a section is its own
set -euo pipefail
source "$(dirname "$0")/lib.sh"
num_jobs=3
export OMP_WAIT_POLICY=passive

for i in $(seq 40); do echo "a cat with $i stripes"; done >prompts.txt
common=(--model "$model" --height 32 --width 32 --device cpu --max-sequence-length 32)
without_prompts=("${common[@]}" --shard-size 9 --steps 2)
quick=("${without_prompts[@]}" --prompts "$work/prompts.txt")
long=("${common[@]}" --shard-size 9 --steps 60 --prompts "$work/prompts.txt") # some seconds on one core
references=$work
run generate "${quick[@]}" --output quick
succeeded "quick, undisturbed"
run generate "${long[@]}" --output long
succeeded "long, undisturbed"

# start RANKS ARGUMENTS...: in the background; sets $launcher.
start() {
  local ranks=$1
  shift
  # Not timeout(1) around it: signals must reach mpirun itself.
  mpirun --oversubscribe --timeout 180 -n "$ranks" "$bin" "$@" >"$work/.out" 2>"$work/.err" </dev/null &
  launcher=$!
}
# ended: waits for it, sets $code, $out and $err.
ended() {
  code=0
  wait "$launcher" || code=$?
  out=$(<"$work/.out")
  err=$(<"$work/.err")
}
# journalled OUTPUT: waits until a sample is in a journal.
journalled() {
  for _ in $(seq 200); do
    if [[ -n $(find "$1/journal" -size +2k -name '*replica*' 2>/dev/null) ]]; then return; fi
    sleep 0.05
  done
}

# stopped SIGNAL WHOM RANKS
stopped() {
  local data=$work/data
  start "$3" generate "${long[@]}" --output "$data"
  journalled "$data"
  if [[ $2 == launcher ]]; then kill "-$1" "$launcher"; else pkill "-$1" -P "$launcher"; fi
  ended
  equal "SIG$1 to the $2 of $3: exit code" "$code" 75
  contains "SIG$1: says so" "$err" "the same command goes on"
  equal "SIG$1: no error" "$(num_errors "$err")" 0
  contains "SIG$1: job.json says how the attempt ended" "$(json "$data/job.json" 'd["attempts"][-1]["ended_by"]')" "$4"
  contains "SIG$1: inspect of an unfinished job" "$("$bin" inspect "$data")" "missing"
  run generate "${long[@]}" --output "$data"
  succeeded "SIG$1: goes on as a plain process"
  equal "SIG$1: content hash" "$(content_hash "$data")" "$(content_hash "$references/long")"
  check "SIG$1: finished samples were not made again" test \
    "$(json "$data/job.json" 'sum(a["made"] for a in d["attempts"])')" -eq 40
}
usr2() { stopped USR2 launcher 2 warning; }
term() { stopped TERM ranks 3 terminated; }

batch_of_several() {
  "$bin" generate "${common[@]}" --steps 800 --prompts "$references/prompts.txt" --batch 40 --output data 2>.err &
  local process=$! code=0
  sleep 10
  kill -TERM "$process"
  wait "$process" || code=$?
  equal "SIGTERM within a batch on the CPU: exit code" "$code" 75
  check "SIGTERM within a batch on the CPU: finished pictures are kept" test "$(json data/job.json 'd["attempts"][-1]["made"]')" -gt 0
}

plain_term() {
  "$bin" generate "${long[@]}" --output data 2>.err &
  local process=$!
  journalled data
  kill -TERM "$process"
  local code=0
  wait "$process" || code=$?
  equal "SIGTERM to a plain process: exit code" "$code" 75
}

time_limit() {
  # Counted from the start of the program: on a busy machine the shortest limit may be over before the first batch.
  local limit=1 attempts=1
  run_mpi 2 generate "${long[@]}" --output data --time-limit 0:00:01
  while ((code == 2 && limit < 20)); do
    limit=$((limit + 1))
    run_mpi 2 generate "${long[@]}" --output data --time-limit "$limit"
  done
  equal "--time-limit: exit code" "$code" 75
  contains "--time-limit: says so" "$err" "time limit"
  while ((code == 75 || code == 2)) && ((attempts < 40)); do
    limit=$((limit + 1))
    run_mpi 3 generate "${long[@]}" --output data --time-limit "$limit"
    attempts=$((attempts + 1))
  done
  succeeded "--time-limit: done after $attempts attempts"
  run generate --model "$model" --device cpu --prompt "a cat" --height 64 --width 64 --steps 5000 --output short --time-limit 1
  equal "a --time-limit too short for one batch: exit code" "$code" 2
  contains "a --time-limit too short for one batch: said" "$err" "too short for one batch"
  equal "--time-limit: content hash" "$(content_hash data)" "$(content_hash "$references/long")"
}

hangs() {
  local data=$work/data start_s=$SECONDS
  start 3 generate "${long[@]}" --output "$data" --timeout 5
  journalled "$data"
  local process
  process=$(pgrep -P "$launcher" -x ditmesh | tail -n 1)
  kill -STOP "$process"
  ended
  equal "a stopped rank: exit code" "$code" 4
  contains "a stopped rank: named with host, process and what it did" "$err" "process $process" "on $(hostname)" "(data=" "timeout 5 s" "it was: "
  check "a stopped rank: within the timeout and a little" test $((SECONDS - start_s)) -le 15
  kill -KILL "$process" 2>/dev/null || true
}

suspended() {
  "$bin" generate "${long[@]}" --output data --timeout 2 2>.err &
  local process=$!
  journalled data
  kill -STOP "$process"
  sleep 5
  kill -CONT "$process"
  local code=0
  wait "$process" || code=$?
  equal "suspended for longer than the timeout, then resumed: exit code" "$code" 0
  equal "suspended and resumed: content hash" "$(content_hash data)" "$(content_hash "$references/long")"
}

lost_journal() {
  "$bin" generate "${long[@]}" --output data 2>.err &
  local process=$! code=0
  journalled data
  rm data/journal/32x32*
  wait "$process" || code=$?
  equal "a journal that vanishes: exit code" "$code" 3
  contains "a journal that vanishes: said" "$(<.err)" "went away" "same command"
  run generate "${long[@]}" --output data
  succeeded "a journal that vanishes: goes on"
  equal "a journal that vanishes: content hash" "$(content_hash data)" "$(content_hash "$references/long")"
}

coordinator_hangs() {
  local data=$work/data
  start 3 generate "${long[@]}" --output "$data" --timeout 2
  journalled "$data"
  local process
  process=$(pgrep -P "$launcher" -x ditmesh | head -n 1)
  kill -STOP "$process"
  ended
  equal "a stopped coordinator: exit code" "$code" 4
  contains "a stopped coordinator: named" "$err" "rank 0 on $(hostname)" "timeout 2 s"
  kill -KILL "$process" 2>/dev/null || true
}

hangs_early() {
  local start_s process writer
  mkfifo manifest.txt
  start 3 generate "${without_prompts[@]}" --prompts manifest.txt --output data --timeout 2
  # Opened when rank 0 opens it: then it reads, and gets nothing.
  sleep 30 >manifest.txt &
  writer=$!
  for _ in $(seq 600); do
    if [[ -e /proc/$writer/exe && $(readlink "/proc/$writer/exe") == */sleep ]]; then break; fi
    sleep 0.05
  done
  start_s=$SECONDS
  process=$(pgrep -P "$launcher" -x ditmesh | tail -n 1)
  kill -STOP "$process"
  ended
  kill "$writer" 2>/dev/null || true
  equal "a rank stopped during the set-up: exit code" "$code" 4
  contains "a rank stopped during the set-up: named" "$err" "process $process" "timeout 2 s" "waits for all ranks in collective"
  check "a rank stopped during the set-up: within the timeout and a little" test $((SECONDS - start_s)) -le 12
  kill -KILL "$process" 2>/dev/null || true
}

# stopped_in NAME PAUSES ARGUMENTS...
stopped_in() {
  local name=$1 pauses=$2 start_s
  shift 2
  DITMESH_TEST_PAUSE=$pauses start 2 generate "${quick[@]}" --output data "$@"
  sleep 4
  start_s=$SECONDS
  pkill -TERM -P "$launcher"
  ended
  equal "SIGTERM while $name: exit code" "$code" 75
  check "SIGTERM while $name: at once" test $((SECONDS - start_s)) -le 4
  run generate "${quick[@]}" --output data "$@"
  succeeded "SIGTERM while $name: goes on"
  equal "SIGTERM while $name: content hash" "$(content_hash data)" "$(content_hash "$references/quick")"
}
stopped_in_weights() { stopped_in "reading weights" read-tensor=500; }
stopped_in_prompts() { stopped_in "encoding prompts" encode=700 --text-encoder release; }

mixed_devices() {
  code=0
  mpirun --oversubscribe -n 1 -x DITMESH_TEST_DEVICE_MODEL=slow "$bin" generate "${quick[@]}" --output data : \
    -n 1 "$bin" generate "${quick[@]}" --output data >"$work/.out" 2>"$work/.err" </dev/null || code=$?
  err=$(<"$work/.err")
  equal "ranks on different devices: exit code" "$code" 2
  contains "ranks on different devices: both are named, and the way out" "$err" "slow on" "--allow-mixed-devices"
}

slow() { # TRANSPORT ARGUMENTS...
  local name=$1 start_s=$SECONDS
  shift
  code=0
  DITMESH_TEST_SLEEP=0:8 timeout 100 mpirun --oversubscribe "$@" -n 3 "$bin" generate "${quick[@]}" --output data \
    >"$work/.out" 2>"$work/.err" </dev/null || code=$?
  err=$(<"$work/.err")
  succeeded "$name: rank 0 sleeps"
  equal "$name: content hash" "$(content_hash data)" "$(content_hash "$references/quick")"
  check "$name: the others did not wait for it" test "$(json data/job.json 'int(d["attempts"][-1]["per_rank"][0]["made"] <= 1)')" -eq 1
}
slow_shared_memory() { slow "shared memory"; }
slow_tcp() { slow "tcp" --mca btl tcp,self; }

failures() {
  run DITMESH_TEST_FAIL="nan-once:7 stripes" generate "${quick[@]}" --output once
  succeeded "a sample that fails once"
  equal "a sample that fails once: content hash" "$(content_hash once)" "$(content_hash "$references/quick")"
  for kind in nan encode; do
    run DITMESH_TEST_FAIL="$kind:7 stripes" generate "${quick[@]}" --output "$kind"
    equal "$kind: exit code" "$code" 10
    contains "$kind: says how many" "$err" "4 samples failed"
    contains "$kind: inspect has the error" "$("$bin" inspect "$kind")" "36 done, 4 failed" "failed: 6 #0:"
    run generate "${quick[@]}" --output "$kind"
    equal "$kind: again without --retry-failed" "$code" 10
    run_mpi 2 generate "${quick[@]}" --output "$kind" --retry-failed
    succeeded "$kind: --retry-failed"
    equal "$kind: content hash" "$(content_hash "$kind")" "$(content_hash "$references/quick")"
    run verify "$kind"
    succeeded "$kind: verify"
  done
}

file_size_limit() {
  "$bin" generate "${long[@]}" --output data >.out 2>.err </dev/null &
  local process=$!
  journalled data
  prlimit --pid "$process" --fsize=10000
  local code=0
  wait "$process" || code=$?
  equal "a file-size limit: exit code" "$code" 3
  contains "a file-size limit: said by the rank" "$(<.err)" "rank 0 on $(hostname)" "cannot write" "File too large"
  run_mpi 2 generate "${long[@]}" --output data
  succeeded "a file-size limit: goes on without it"
  equal "a file-size limit: content hash" "$(content_hash data)" "$(content_hash "$references/long")"
}

full_disk() {
  mkdir disk
  if ! mount -t tmpfs -o size=2m tmpfs disk 2>/dev/null; then
    echo "# skipped: a small disk cannot be mounted here"
    return
  fi
  run generate --model "$model" --device cpu --prompts "$references/prompts.txt" --height 512 --width 512 \
    --output disk/large
  equal "a job that does not fit: exit code" "$code" 3
  contains "a job that does not fit: the estimate is said" "$err" "needs about" "free"
  start 2 generate "${long[@]}" --output disk/data
  journalled disk/data
  cat /dev/zero >disk/fill 2>/dev/null || true
  ended
  equal "a full disk: exit code" "$code" 3
  contains "a full disk: said by the rank" "$err" "rank " "cannot write" "No space left"
  rm disk/fill
  run generate "${long[@]}" --output disk/data
  succeeded "a full disk: goes on"
  equal "a full disk: content hash" "$(content_hash disk/data)" "$(content_hash "$references/long")"
  equal "a full disk: nothing is left over" "$(find disk/data -name '*.tmp*' -o -path '*/journal/*')" ""
  umount disk
}

again() {
  run generate "${quick[@]}" --output data
  run generate "${quick[@]}" --output data
  succeeded "a finished job again"
  contains "a finished job again: makes nothing" "$err" "40 pictures, 0 of them now"
  rm -r data/dataset.h5
  run_mpi 3 generate "${quick[@]}" --output data
  succeeded "a finished job again, on 3 ranks"
  run generate "${quick[@]}" --output data --steps 3
  equal "another setting: exit code" "$code" 2
  contains "another setting: named" "$err" "steps" "2" "3"
  run generate "${quick[@]}" --output data --dtype bf16
  equal "another dtype: exit code" "$code" 2
  contains "another dtype: named" "$err" "dtype" "fp32" "bf16" "--allow-different-numerics"
  sed '5s/.*/a dog/' "$references/prompts.txt" >other.txt
  run generate "${without_prompts[@]}" --prompts other.txt --output data
  equal "another manifest: exit code" "$code" 2
  contains "another manifest: named" "$err" "manifest"
  cp "$references/prompts.txt" longer.txt
  echo "one more cat" >>longer.txt
  run generate "${without_prompts[@]}" --prompts longer.txt --output data
  contains "a longer manifest: names --extend" "$code $err" "2 " "--extend"
  run generate "${without_prompts[@]}" --prompts longer.txt --output data --extend
  succeeded "--extend"
  contains "--extend: one more" "$("$bin" inspect data)" "41 (41 done"
  run verify data
  succeeded "--extend: verify"
  run generate "${without_prompts[@]}" --prompts other.txt --output data --extend
  equal "--extend of another manifest: exit code" "$code" 2
}

other_numerics() {
  run generate "${long[@]}" --output data --time-limit 1
  run generate "${long[@]}" --output data --dtype bf16
  equal "another dtype on the way: exit code" "$code" 2
  run generate "${long[@]}" --output data --dtype bf16 --allow-different-numerics
  succeeded "another dtype on the way, allowed"
  equal "another dtype: recorded by attempt" "$(json data/job.json '[a["numerics"]["dtype"] for a in d["attempts"]]')" "['fp32', 'bf16']"
  run verify data
  succeeded "another dtype: verify"
}

two_jobs_at_once() { # the slow one compares its settings before the other one is there
  mkfifo slow.txt
  "$bin" generate "${without_prompts[@]}" --prompts slow.txt --seed 9 --output data >.out 2>.err &
  local process=$! code=0
  exec 9>slow.txt # waits until the slow one reads: it has looked at the output then
  run generate "${quick[@]}" --output data 9>&-
  succeeded "two jobs at once: the first"
  cat "$references/prompts.txt" >&9
  exec 9>&-
  wait "$process" || code=$?
  equal "two jobs at once: the second is refused" "$code" 2
}

two_jobs() {
  DITMESH_TEST_SLEEP=0:6 start 2 generate "${long[@]}" --output data
  journalled data
  run generate "${long[@]}" --output data
  equal "two jobs on one output: exit code" "$code" 2
  contains "two jobs on one output: the owner is named" "$err" "$(hostname)"
  ended
  equal "two jobs on one output: the first is not disturbed" "$code" 0
  equal "two jobs on one output: content hash" "$(content_hash data)" "$(content_hash "$references/long")"
}

parts() {
  for part in 0 1 2; do
    run generate "${quick[@]}" --output data --part "$part/3"
    succeeded "--part $part/3"
  done
  run index data
  succeeded "index joins the parts"
  equal "parts: content hash" "$(content_hash data)" "$(content_hash "$references/quick")"
  run verify data
  succeeded "parts: verify"
}

read_only() {
  # Permissions do not stop root; a read-only mount does.
  if ! unshare -rm true 2>/dev/null; then
    told ok "read-only output: skipped, no mount of one's own here"
    return
  fi
  mkdir ro
  run generate "${quick[@]}" --output ro/data
  rm ro/data/shards/32x32-000001.h5
  for output in ro/data ro/other; do
    code=0
    unshare -rm bash -c 'mount --bind ro ro && mount -o remount,ro,bind ro && exec "$@"' _ \
      "$bin" generate "${quick[@]}" --output "$output" >"$work/.out" 2>"$work/.err" || code=$?
    err=$(<"$work/.err")
    equal "read-only output ($output): exit code" "$code" 3
    contains "read-only output ($output): said with the remedy" "$err" "Read-only file system" "--output"
  done
}

lost_shard() {
  run generate "${quick[@]}" --output data
  rm data/shards/32x32-000001.h5
  run verify data
  check "a removed shard: verify says it" test "$code" -ne 0
  contains "a removed shard: named" "$out$err" "32x32-000001"
  run generate "${quick[@]}" --output data
  succeeded "a removed shard is made again"
  equal "a removed shard: content hash" "$(content_hash data)" "$(content_hash "$references/quick")"
  truncate -s 2000 data/shards/32x32-000002.h5
  run generate "${quick[@]}" --output data
  equal "a cut shard: exit code" "$code" 3
  contains "a cut shard: named with the remedy" "$err" "32x32-000002" "remove"
}

many_shards() {
  for i in $(seq 400); do echo "cat $i"; done >many.txt
  ulimit -n 128
  run_mpi 2 generate "${common[@]}" --prompts many.txt --steps 1 --shard-size 1 --output data
  succeeded "400 shards of one row, 128 open files"
  run verify data
  succeeded "400 shards: verify"
}

in_parallel usr2 term batch_of_several plain_term time_limit hangs suspended lost_journal coordinator_hangs hangs_early stopped_in_weights stopped_in_prompts mixed_devices slow_shared_memory slow_tcp failures \
  file_size_limit full_disk again two_jobs two_jobs_at_once other_numerics parts read_only lost_shard many_shards

finish

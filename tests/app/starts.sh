#!/usr/bin/env bash
# How ranks are started: each its own device whatever it sees, each its own cores where the launcher left that
# open; wrong starts. GPUs are played (DITMESH_TEST_DEVICES: what each rank sees); binding is real.
set -euo pipefail
source "$(dirname "$0")/lib.sh"
export OMP_WAIT_POLICY=passive
settings=(--model "$model" --prompt "a cat" --images-per-prompt 4 --height 32 --width 32 --steps 2 --max-sequence-length 32)

# devices SEEN RANKS [ARGUMENTS...]: the doctor's judgement of devices.
devices() {
  local seen=$1 ranks=$2
  shift 2
  DITMESH_TEST_DEVICES=$seen run_mpi "$ranks" doctor --json "$@"
  found=$(json "$out" '"\n".join(f["verdict"] + ": " + f["what"] + " -> " + f["remedy"] for f in d["findings"] if f["subject"] == "devices")')
}
devices "0000:01:00.0;0000:02:00.0;00000000:03:00.0" 3
contains "a GPU for each task" "$found" "ok: 1 CUDA device a rank can see"
devices "0000:0A:00.0,0000:0B:00.0;0000:0b:00.0" 2
contains "one sees all, one its own" "$found" "ok: 1 to 2 CUDA devices"
devices "0000:01:00.0;0000:01:00.0" 2
contains "two ranks on one GPU" "$found" "wrong: " "has 2 ranks and 1 GPU to be used" "--share-devices"
devices "0000:01:00.0;0000:01:00.0" 2 --share-devices
contains "the same, asked for" "$found" "ok: 1 CUDA device"
devices "0000:01:00.0,0000:02:00.0,0000:03:00.0" 1
contains "GPUs without a rank" "$found" "warning: 2 of the 3 GPUs of" "--ntasks-per-node=3"
equal "GPUs without a rank are told once" "$(grep -c warning <<<"$found")" 1
devices "0000:01:00.0;" 2
contains "a rank without a GPU" "$found" "wrong: rank 1 on" "sees no GPU"

# generate refuses the same, once, on all ranks, before anything is written.
DITMESH_TEST_DEVICES="0000:01:00.0;0000:01:00.0" run_mpi 2 generate "${settings[@]}" --output refused
equal "generate: two ranks on one GPU: exit code" "$code" 3
equal "generate: one message" "$(num_errors "$err")" 1
contains "generate: the remedy" "$err" "has 2 ranks and 1 GPU to be used" "mpirun --map-by ppr:1:node"
check "generate: nothing is written" test ! -e refused
run_mpi 2 generate "${settings[@]}" --output refused --device cuda
equal "generate --device cuda without one: exit code" "$code" 3
contains "generate --device cuda without one: says so" "$err" "no rank sees a CUDA device"

# The cores of the threads of each rank while rank 0 waits before its first picture: "0 of 0-1" is the thread
# that computes and those that serve.
cores_of() {
  local task main others
  main=$(sed -n 's/^Cpus_allowed_list:\t//p' "/proc/$1/task/$1/status")
  others=$(for task in "/proc/$1/task/"*; do
    [[ ${task##*/} == "$1" ]] || sed -n 's/^Cpus_allowed_list:\t//p' "$task/status"
  done | sort -u | paste -sd' ')
  echo "$main of $others"
}
# watch BINDING RANKS ARGUMENTS...: sets $bound, a line for each rank, and $err.
watch() {
  local binding=$1 ranks=$2 launcher process
  shift 2
  rm -rf watched
  DITMESH_TEST_SLEEP=0:4 timeout 120 mpirun --oversubscribe --bind-to "$binding" -n "$ranks" "$bin" generate \
    "${settings[@]}" --device cpu --output watched "$@" >.out 2>.err </dev/null &
  launcher=$!
  bound=
  for ((i = 0; i < 100; i++)); do
    # The trace begins after binding, the journal's folder before it.
    if compgen -G 'watched/traces/*' >/dev/null; then break; fi
    sleep 0.1
  done
  sleep 1.5
  for process in $(pgrep -f "$bin generate"); do
    if [[ $(readlink "/proc/$process/exe") == "$bin" && $(readlink "/proc/$process/cwd") == "$work" ]]; then
      bound+=$(cores_of "$process")$'\n'
    fi
  done
  code=0
  wait "$launcher" || code=$?
  err=$(<.err)
}
all=$(sed -n 's/^Cpus_allowed_list:\t//p' /proc/self/status)
mapfile -t cores < <(python3 -c 'import os; print(*sorted(os.sched_getaffinity(0)), sep="\n")')
if ((${#cores[@]} != 2)); then
  echo "# the cores of each thread are looked at where there are two; here are ${#cores[@]}"
else
  watch none 2
  equal "two ranks that nobody bound: exit code" "$code" 0
  equal "each computes on a core of its own; other threads have both" "$(sort <<<"${bound%$'\n'}")" \
    "${cores[0]} of $all"$'\n'"${cores[1]} of $all"
  contains "it is told" "$err" "bound to cores: rank 0 on" "to ${cores[0]}, rank 1 on" "to ${cores[1]}"
  watch core 2
  equal "ranks that mpirun bound keep what they have" "$(sort <<<"${bound%$'\n'}")" \
    "${cores[0]} of ${cores[0]}"$'\n'"${cores[1]} of ${cores[1]}"
  watch none 3
  equal "more ranks than cores are not bound" "$(sort -u <<<"${bound%$'\n'}")" "$all of $all"
  watch none 2 --threads 2
  contains "threads without cores are warned of" "$err" "rank 0 on" "has 1 core for its 2 threads" "slot:pe=2"
fi
finish

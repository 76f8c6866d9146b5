#!/usr/bin/env bash
# `ditmesh doctor`: what it looks at here, alone and under mpirun, and what it finds wrong.
set -euo pipefail
source "$(dirname "$0")/lib.sh"

run doctor --output "$work/not/yet"
succeeded "doctor"
contains "each subject is judged" "$out" launcher versions binding devices LibTorch HDF5 fonts memory "open files" disk \
  "file system" fsync rename lock Slurm "other hosts"
contains "a process by itself is told as such" "$out" "started by hand, without mpirun" "mpirun -n N ditmesh doctor"
equal "every line is judged" "$(grep -cvE '^(ok|warning|wrong) |^ +-> |^nothing is wrong' <<<"$out" || true)" 0
equal "nothing is left behind" "$(ls -A "$work" | grep -c probe || true)" 0

run_mpi 2 doctor --json
succeeded "doctor on two ranks"
contains "it sees both" "$(json "$out" '[f["what"] for f in d["findings"] if f["subject"] == "launcher"]')" \
  "2 ranks on 1 host, started by mpirun"
equal "JSON: the keys" "$(json "$out" 'sorted(d), sorted(d["findings"][0])')" \
  "(['findings', 'verdict'], ['remedy', 'subject', 'verdict', 'what'])"

run doctor --output /proc
equal "a folder that cannot be written: exit code 3" "$code" 3
contains "it is named, with the remedy" "$out" "wrong    file system  /proc cannot be written" "--output" "1 thing is wrong"

run SLURM_JOB_ID=7 SLURM_STEP_NUM_TASKS=4 doctor
equal "a srun that MPI does not know: exit code 3" "$code" 3
contains "the remedy" "$out" "each is alone" "--mpi=pmix"

run doctor --output "" # as every option of text
equal "an empty folder: exit code 2" "$code" 2
finish

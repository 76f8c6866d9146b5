# shellcheck shell=bash disable=SC2030,SC2031,SC2034
# What the end-to-end scripts share. Sourced, never run.
#
# A script is given the binary as $DITMESH_BIN, works in $work (removed at the
# end), prints a line per check and ends with `finish`: 0, or 1 with a list of
# the checks that failed. Exit code 77 is "skipped", and said why.

: "${DITMESH_BIN:?set DITMESH_BIN to the ditmesh binary}"
bin=$(realpath "$DITMESH_BIN")
golden=$(realpath "$(dirname "${BASH_SOURCE[0]}")/../golden")
model=$golden/dev/model

# The program reads DITMESH_*: nothing of the caller's gets in.
for name in $(compgen -e DITMESH_ || true); do unset "$name"; done
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
export LC_ALL=C.UTF-8

work=$(mktemp -d "${TMPDIR:-/tmp}/ditmesh-app-XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$work"

num_checks=0
failures=()
in_section=false
num_jobs=6

# told ok|not-ok WHAT: one check's line.
told() {
  if $in_section; then # in_parallel() numbers it
    echo "$1 - $2"
    return
  fi
  num_checks=$((num_checks + 1))
  echo "${1/-/ } $num_checks - $2"
  if [[ $1 == not-ok ]]; then failures+=("$num_checks - $2"); fi
}

# check WHAT COMMAND...: ok if the command succeeds.
check() {
  local what=$1
  shift
  if "$@"; then told ok "$what"; else told not-ok "$what"; fi
}

# equal WHAT FOUND EXPECTED
equal() {
  if [[ $2 == "$3" ]]; then
    told ok "$1"
  else
    told not-ok "$1"
    diff --label expected --label found -U 3 <(printf '%s\n' "$3") <(printf '%s\n' "$2") | sed 's/^/    /' || true
  fi
}

# contains WHAT TEXT PART...: every part stands in the text.
contains() {
  local what=$1 text=$2 part missing=()
  shift 2
  for part in "$@"; do
    [[ $text == *"$part"* ]] || missing+=("$part")
  done
  if ((${#missing[@]} == 0)); then
    told ok "$what"
  else
    told not-ok "$what"
    printf '    missing: %s\n' "${missing[@]}"
    printf '%s\n' "$text" | head -n 20 | sed 's/^/    found:   /'
  fi
}

# in_parallel FUNCTION...: each in a shell and a folder of its own, $num_jobs at a
# time (a start is mostly waiting); their lines come in the order of the arguments.
in_parallel() {
  local function line
  for function in "$@"; do
    while (($(jobs -rp | wc -l) >= num_jobs)); do wait -n || true; done
    (
      trap - EXIT
      in_section=true
      mkdir "$work/$function"
      work=$work/$function
      cd "$work"
      "$function"
      : >"$work/.complete"
    ) >"$work/$function.log" 2>&1 &
  done
  wait
  for function in "$@"; do
    while IFS= read -r line; do
      case $line in
        "ok - "*) told ok "${line#ok - }" ;;
        "not-ok - "*) told not-ok "${line#not-ok - }" ;;
        *) printf '%s\n' "$line" ;;
      esac
    done <"$work/$function.log"
    [[ -e $work/$function/.complete ]] || told not-ok "$function ran to its end"
  done
}

# run [VARIABLE=VALUE...] ARGUMENTS...: the program, as a plain process; sets
# $code, $out and $err. Standard input is the caller's.
run() {
  local environment=()
  while (($# > 0)) && [[ $1 == [A-Z]*=* ]]; do
    environment+=("$1")
    shift
  done
  code=0
  timeout 120 env "${environment[@]}" "$bin" "$@" >"$work/.out" 2>"$work/.err" || code=$?
  out=$(<"$work/.out")
  err=$(<"$work/.err")
}

# run_mpi RANKS ARGUMENTS...: the same under mpirun.
run_mpi() {
  local ranks=$1
  shift
  code=0
  timeout 120 mpirun --oversubscribe -n "$ranks" "$bin" "$@" >"$work/.out" 2>"$work/.err" </dev/null || code=$?
  out=$(<"$work/.out")
  err=$(<"$work/.err")
}

# succeeded WHAT: the last run ended with 0.
succeeded() {
  equal "$1" "exit code $code" "exit code 0"
  if ((code != 0)); then printf '%s\n' "$err" | head -n 20 | sed 's/^/    stderr:  /'; fi
}

# num_errors TEXT: how many error messages of ours it holds.
num_errors() { grep -c '^ditmesh [^:]*: error: ' <<<"$1" || true; }

# refused WHAT WORDS... -- ARGUMENTS...: exit code 2 and one message with these words.
refused() {
  local what=$1 parts=()
  shift
  while [[ $1 != -- ]]; do
    parts+=("$1")
    shift
  done
  shift
  run "$@"
  equal "$what: exit code 2" "$code" 2
  equal "$what: one message" "$(num_errors "$err")" 1
  contains "$what: says why" "$err" "${parts[@]}"
}

# json FILE-OR-TEXT EXPRESSION: a Python expression over the document `d`.
json() {
  python3 -c '
import json, os, sys
text = open(sys.argv[1]).read() if os.path.exists(sys.argv[1]) else sys.argv[1]
d = json.loads(text)
print(eval(sys.argv[2]))' "$1" "$2"
}

# flip_a_bit SHARD: one bit in the pixels of a picture of 32x32. The chunk's place: the first deflate stream that
# is one picture.
flip_a_bit() {
  python3 - "$1" <<'END'
import sys, zlib
path = sys.argv[1]
data = bytearray(open(path, "rb").read())
for place in range(len(data) - 2):
    if data[place:place + 2] != b"\x78\x01": continue
    stream = zlib.decompressobj()
    try: pixels = stream.decompress(bytes(data[place:]))
    except zlib.error: continue
    if len(pixels) == 32 * 32 * 3:
        size = len(data) - place - len(stream.unused_data)
        data[place + size // 2] ^= 1
        break
else: raise SystemExit("no picture found in the shard")
open(path, "wb").write(data)
END
}

# content_hash OUTPUT
content_hash() { json "$("$bin" inspect "$1" --json)" 'd["content_hash"]'; }

# readme_python NUMBER: the README's Python block of this number, from 1.
readme_python() {
  awk -v number="$1" '/^```python/ { on = ++n == number; next } /^```/ { on = 0 } on' "$golden/../../README.md"
}

# python_with_h5py: the first Python that has h5py; nothing if none has.
python_with_h5py() {
  local python
  for python in /usr/bin/python3 python3; do
    if "$python" -c 'import h5py' 2>/dev/null; then
      echo "$python"
      return
    fi
  done
}

finish() {
  echo "1..$num_checks"
  if ((${#failures[@]} > 0)); then
    echo "${#failures[@]} of $num_checks checks failed:"
    printf '  %s\n' "${failures[@]}"
    exit 1
  fi
  echo "all $num_checks checks passed"
}

#!/usr/bin/env bash
# `source <(ditmesh --bash-completion)`: what bash then offers.
set -euo pipefail
source "$(dirname "$0")/lib.sh"

run --bash-completion
succeeded "--bash-completion"
script=$out
check "it is a script of bash" bash -n <(printf '%s' "$script")
eval "$script"
equal "it completes ditmesh" "$(complete -p ditmesh)" "complete -F _ditmesh ditmesh"

# offers WORDS...: what is offered for the last word, sorted
offers() {
  COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
  _ditmesh 2>/dev/null
  printf '%s\n' "${COMPREPLY[@]+"${COMPREPLY[@]}"}" | LC_ALL=C sort | tr '\n' ' '
}

run --help
commands=$(sed -n 's/^  \([a-z]\{1,\}\)  .*/\1/p' <<<"$out" | LC_ALL=C sort | tr '\n' ' ')
equal "commands" "$(offers ditmesh '')" "--bash-completion --help --version $commands"
equal "a command that is begun" "$(offers ditmesh ver)" "verify "
for command in $commands; do
  run "$command" --help
  options=$(sed -n 's/^  \(--[a-z-]*\).*/\1/p' <<<"$out" | LC_ALL=C sort | tr '\n' ' ')
  equal "$command: every option of --help" "$(offers ditmesh "$command" --)" "$options"
done
equal "an option that is begun" "$(offers ditmesh generate --dt)" "--dtype "
equal "choices" "$(offers ditmesh generate --dtype '')" "auto bf16 fp16 fp32 "
equal "a choice that is begun" "$(offers ditmesh generate --dtype b)" "bf16 "
mkdir -p out-1/shards
touch 'out 2.csv'
equal "files behind an option, with blanks in their names" "$(offers ditmesh generate --prompts out)" "out 2.csv out-1 "
equal "operands are files" "$(offers ditmesh inspect out-)" "out-1 "
equal "nothing for a number" "$(offers ditmesh generate --steps '')" " "
finish

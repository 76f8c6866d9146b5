#!/usr/bin/env bash
# Options: command line = configuration file = environment, for every option of
# every command; which beats which; what is refused, and with which words.
# shellcheck disable=SC2031 # $work of a section is its own
set -euo pipefail
source "$(dirname "$0")/lib.sh"

# A value other than the default for every option. An option in --help without
# one here fails below: whoever adds an option adds its line.
declare -A values=(
  [model]="/models/flux # 1" [prompts]="rows.csv" [prompt]="a cat; black = 'white' #1" [prompt-column]="caption 2"
  [negative-prompt]="  blurry  " [limit]=17 [from]=dgx-h100 [output]="out = put" [height]=768 [width]=512 [steps]=9 [guidance]=2.25
  [true-cfg]=4.5 [max-sequence-length]=77 [seed]=18446744073709551615 [images-per-prompt]=3
  [mesh]="ulysses=2,pipeline=2" [batch]=5 [device]=cpu [dtype]=bf16 [noise-dtype]=fp32 [threads]=3
  [text-encoder]=release [prompt-cache]=64 [shard-size]=12 [image-format]=jpeg:85 [save-latents]=true [dry-run]=true [part]=1/3 [extend]=true
  [retry-failed]=true [allow-different-numerics]=true [time-limit]=1:30:00 [timeout]=30 [metrics]=job.prom
  [json]=true [min-psnr]=31.5 [picture]="worst pairs.png" [format]=contact-sheet [to]="sheet.png"
  [cost]=true [by]=artist [price]=2.5 [summary]=true [perfetto]=trace.json [plot]="time line.png" [attempt]=2
  [repeats]=4 [warm-ups]=0 [where]="prompt=a cat; black # 1" [split]="test=0.25,train=0.75" [samples-per-tar]=50
  [unverified]=true [share-devices]=true [measure]=true [cluster]=dgx-h100-x4 [num-devices]=5 [implementation]=xdit
  [patches]=4 [warmup-steps]=2 [stages]=0-10,11-56 [allow-mixed-devices]=true [objective]=latency [top]=3 [explain]=true [calibrate]=true [device-model]=l40
  [placement]="place ment.txt"
)
# What the program does about itself; they have no place in a file.
meta=" config print-config help "

run --help
succeeded "--help"
commands=$(sed -n 's/^  \([a-z]\{1,\}\)  .*/\1/p' <<<"$out")
check "--help lists the commands" test -n "$commands"
run
equal "no command: exit code 2" "$code" 2
run inspect -h
succeeded "-h"
contains "-h is --help" "$out" "ditmesh inspect OUTPUT"
run --version
succeeded "--version"
contains "--version names the program and its libraries" "$out" "ditmesh " "commit" "LibTorch" "MPI"

# three_ways COMMAND
three_ways() {
  local command=$1 line=() environment=() help names name value variable wanted defaults
  local expected by_line by_file by_environment file=$work/$command.ini
  run "$command" --help
  succeeded "$command --help"
  help=$out
  equal "$command --help says nothing on standard error" "$err" ""
  names=$(sed -n 's/^  --\([a-z-]*\).*/\1/p' <<<"$help")
  for name in $meta; do
    check "$command --help mentions --$name" grep -qx -- "$name" <<<"$names"
  done

  expected="[$command]"
  echo "[$command]" >"$file"
  for name in $names; do
    [[ $meta == *" $name "* ]] && continue
    if [[ -z ${values[$name]+known} ]]; then
      check "$command --$name has a value in this test" false
      continue
    fi
    value=${values[$name]}
    variable=${name^^}
    if [[ $value == true ]]; then line+=("--$name"); else line+=("--$name" "$value"); fi
    environment+=("DITMESH_${variable//-/_}=$value")
    if [[ $value == " "* ]]; then value="\"$value\""; fi # blanks at the ends need quotes in a file
    echo "$name = $value" >>"$file"
    expected+=$'\n'"$name = $value"
  done
  run "$command" --print-config "${line[@]}"
  succeeded "$command --print-config"
  by_line=$out
  run "$command" --print-config --config "$file"
  by_file=$out
  run "${environment[@]}" "$command" --print-config
  by_environment=$out
  for name in $names; do
    [[ $meta == *" $name "* || -z ${values[$name]+known} ]] && continue
    wanted=$(grep "^$name = " <<<"$expected")
    equal "$command --$name on the command line" "$(grep "^$name = " <<<"$by_line")" "$wanted"
    equal "$command --$name in a file" "$(grep "^$name = " <<<"$by_file")" "$wanted"
    equal "$command --$name in the environment" "$(grep "^$name = " <<<"$by_environment")" "$wanted"
  done
  equal "$command: the command line gives exactly these" "$by_line" "$expected"
  equal "$command: the file gives the same" "$by_file" "$by_line"
  equal "$command: the environment gives the same" "$by_environment" "$by_line"

  echo "$by_line" >"$work/again.ini"
  run "$command" --print-config --config "$work/again.ini"
  equal "$command: --print-config is a file that gives the same" "$out" "$by_line"
  if [[ $command == generate ]]; then
    run "$command" --print-config
    echo "$out" >"$work/defaults.ini"
    defaults=$out
    run "$command" --print-config --config "$work/defaults.ini"
    equal "$command: so does the one of the defaults" "$out" "$defaults"
  fi
}
for command in $commands; do eval "${command}_three_ways() { three_ways $command; }"; done

value_of() { sed -n "s/^$1 = //p" <<<"$out"; }
# config TEXT ARGUMENTS...: `generate --print-config` with this file (printf escapes).
config() {
  local text=$1
  shift
  printf '%b' "$text" >"$work/some.ini"
  run "$@" generate --print-config --config "$work/some.ini"
}
# shows WHAT OPTION VALUE
shows() {
  equal "$1" "$(value_of "$2")${err:+ / $err}" "$3"
}
# refused WHAT WORDS...: exit code 2 and one message with these words.
refused() {
  local what=$1
  shift
  equal "$what: exit code 2" "$code" 2
  equal "$what: one message" "$(num_errors "$err")" 1
  contains "$what: says why" "$err" "$@"
}

precedence() {
  printf 'seed = 1\nsteps = 2\nwidth = 16\n' >"$work/some.ini"
  run DITMESH_SEED=10 DITMESH_STEPS=20 generate --print-config --config "$work/some.ini" --seed=100
  equal "command line beats environment beats file beats default" \
    "$(value_of seed) $(value_of steps) $(value_of width) $(value_of height)" "100 20 16 1024"
  run generate --print-config --prompt=--wide --prompt -1 --prompt "" --prompt "a cat"
  equal "--prompt may be repeated; --wide, -1 and nothing are texts" "$(value_of prompt | tr '\n' '|')" '--wide|-1||a cat|'
  run $'DITMESH_PROMPT=a cat\na dog' generate --print-config
  equal "each line of DITMESH_PROMPT is a prompt" "$(value_of prompt)" $'a cat\na dog'
  run generate --print-config --save-latents=false
  equal "a flag can be switched off" "$(value_of save-latents)" false
  config 'save-latents = yes\ndry-run = off\n'
  contains "flags know yes and off" "$out" "save-latents = " "dry-run = "
  for order in "--json data" "data --json"; do
    # shellcheck disable=SC2086
    run inspect --print-config $order
    equal "inspect $order: a flag takes no operand" "$code$(value_of json)" 0true
  done
  run generate --print-config stray
  equal "--print-config stray: neither" "$code" 2
}

file_grammar() {
  # `prompt` may be repeated: a case a line.
  cat >"$work/some.ini" <<'END'
# a comment
; another
   # an indented one

prompt = a = b #c
prompt = x ; y
prompt = "  blanks at the ends "
prompt = 'a cat'
prompt = ""a cat""
prompt = a "cat"
  prompt	=	tabs and blanks  
prompt = Ein Käfer, 甲虫 🐞
prompt=no blanks
prompt =
END
  run generate --print-config --config "$work/some.ini"
  equal "comments, quotes, blanks, #, ; and UTF-8 in values" "$(value_of prompt; echo "end$err")" 'a = b #c
x ; y
"  blanks at the ends "
a cat
""a cat""
a "cat"
tabs and blanks
Ein Käfer, 甲虫 🐞
no blanks

end'
  config '\xEF\xBB\xBFseed = 6'
  shows "a byte order mark before a key, no newline at the end" seed 6
  config '\xEF\xBB\xBF[generate]\r\nseed = 7\r\nprompt = "a cat"\r\n'
  equal "a byte order mark before a section, CRLF" "$(value_of seed) $(value_of prompt)" "7 a cat"
  config 'seed = 1\nheight = 640\nrepeats = 3\nmin-psnr = 30\n[generate]\nseed = 2\n[bench]\nheight = 64\n[export]\nto = x\n'
  equal "a section beats what stands before all; other commands' keys and sections are let be" \
    "$(value_of seed) $(value_of height)${err:+ / $err}" "2 640"
  config ''
  shows "an empty file" seed 0
  run "DITMESH_CONFIG=$work/some.ini" DITMESH_SEED=3 generate --print-config
  shows "DITMESH_CONFIG names a file" seed 3
  printf 'seed = 4\n' >"$work/other.ini"
  run "DITMESH_CONFIG=$work/none.ini" generate --print-config --config "$work/other.ini"
  shows "--config beats DITMESH_CONFIG" seed 4
}

refused_in_files() {
  config 'seed = 1\nsteeps = 3\n'
  refused "unknown key" "some.ini" "line 2" "steeps" "did you mean 'steps'"
  config '[generate]\nrepeats = 3\n'
  refused "a key of another command" "line 2" "repeats"
  config '[generat]\nseed = 3\n'
  refused "unknown section" "line" "generat" "did you mean 'generate'"
  config '[generate\nseed = 3\n'
  refused "section without its end" "line 1" "]"
  config 'seed = 1\n# x\nseed = 2\n'
  refused "duplicate key" "line 3" "seed" "line 1"
  config 'seed\n'
  refused "no equals sign" "line 1" "key = value" "seed"
  config 'height = tall\n'
  refused "no number" "some.ini" "line 1" "height" "tall"
  config '[generate]\nseed = -1\n'
  refused "negative seed in a file" "line 2" "seed" "-1"
  config 'ulysses_degree = 2\n'
  refused "an xDiT key in a file" "line 1" "ulysses_degree" "mesh" "ulysses=2"
}

refused_values() {
  run generate --print-config --config "$work/none.ini"
  refused "no such file" "none.ini" "No such file"
  run generate --print-config --config "$work"
  refused "a folder as file" "folder"
  run generate --print-config --seed -1
  refused "--seed -1" "--seed" "-1" "18446744073709551615"
  run DITMESH_SEED=-1 generate --print-config
  refused "DITMESH_SEED=-1" "DITMESH_SEED" "-1"
  run generate --print-config --seed 18446744073709551616
  refused "--seed 2^64" "--seed" "18446744073709551616"
  run generate --print-config --seed 18446744073709551615
  shows "--seed 2^64-1" seed 18446744073709551615
}

bad_numbers() {
  for bad in "--steps -1" "--steps 2.5" "--steps 1e3" "--steps 9999999999999999999999" "--height 70000" \
    "--guidance nan" "--guidance -1" "--guidance 3,5" "--limit 0" "--device tpu" \
    "--save-latents=maybe"; do
    # shellcheck disable=SC2086
    run generate --print-config $bad
    name=${bad%%[ =]*}
    refused "$bad" "$name" "${bad#*[ =]}"
  done
}

refused_names() {
  run generate --print-config --promp x
  refused "prefixes are not guessed" "'--promp'" "did you mean"
  run generate --print-config --see 3
  refused "nor short ones" "'--see'" "seed"
  run generate --print-config --heigth 3
  refused "unknown option, with the nearest" "--heigth" "did you mean" "height"
  run generate --print-config --seed
  refused "missing value at the end" "--seed" "needs a value"
  run generate --print-config --seed 1 --seed 2
  refused "repeated option" "--seed" "2 times"
  run generate --seed 1 stray
  refused "stray operand" "'stray'"
  run generat --help
  refused "unknown command, with the nearest" "generat" "did you mean 'generate'"
  run inspect
  refused "missing operand" "OUTPUT" "usage"
  run compare one
  refused "missing second operand" "B" "usage"
  run inspect a b
  refused "one operand too many" "'b'" "usage"
  run export data
  refused "export without --to" "--to"
}

unknown_variables() {
  run DITMESH_SEEED=3 DITMESH_TEST_ANYTHING=1 generate --print-config
  succeeded "an unknown DITMESH_ variable is no error"
  contains "but it is warned of, with the nearest" "$err" "warning" "DITMESH_SEEED" "did you mean 'DITMESH_SEED'"
  equal "once, and DITMESH_TEST_ ones are let be" "$(grep -c DITMESH_ <<<"$err")" 1
  run DITMESH_REPEATS=3 generate --print-config
  equal "another command's variable is not warned of" "$code$err" 0
}

foreign_flags() {
  # Flags of xDiT and diffusers are answered with ours.
  while IFS='|' read -r flag ours; do
    # shellcheck disable=SC2086
    run generate $flag
    refused "$flag" "${flag%%[ =]*}" "$ours"
  done <<'END'
--ulysses_degree 2|--mesh ulysses=2
--pipefusion_parallel_degree 4|--mesh pipeline=4
--use_cfg_parallel|--mesh cfg=2
--num_pipeline_patch 8|--patches 8
--num-inference-steps=28|--steps 28
--guidance_scale 3.5|--guidance 3.5
--num_images_per_prompt 4|--images-per-prompt 4
--output_dir out|--output out
END
}

under_mpirun() {
  # Under mpirun rank 0 alone reads and speaks.
  run_mpi 2 generate --promp x
  equal "2 ranks: exit code" "$code" 2
  equal "2 ranks: one message" "$(num_errors "$err")" 1
  run_mpi 3 generate --print-config --seed 4
  equal "3 ranks: exit code of --print-config" "$code" 0
  equal "3 ranks: printed once" "$(grep -c '^seed = 4$' <<<"$out")" 1
}

# shellcheck disable=SC2046
in_parallel $(printf '%s_three_ways ' $commands) precedence file_grammar refused_in_files refused_values bad_numbers \
  refused_names unknown_variables foreign_flags under_mpirun

finish

#!/usr/bin/env bash
# Bad input to `generate`: one message from one rank with the rule, the numbers
# and the remedy; exit code 2 (3: the machine) on all ranks; nothing is touched.
# shellcheck disable=SC2031 # $work of a section is its own
set -euo pipefail
source "$(dirname "$0")/lib.sh"

rows=$work/rows.txt
printf 'a cat\na dog\n' >"$rows"

# damage PART PYTHON: a copy of the model, $broken, with one file rewritten. The
# Python text sees `path`, the file's bytes `data`, and for safetensors `header`
# and `body`; what it leaves in `data`, or in `header` and `body`, is written.
damage() {
  broken=$work/model-$((++num_models))
  cp -RL "$model" "$broken"
  chmod -R u+w "$broken"
  python3 - "$broken/$1" "$2" <<'END'
import json, os, struct, sys
path, change = sys.argv[1:]
data = open(path, "rb").read()
safe = path.endswith(".safetensors")
if safe:
    size = struct.unpack("<Q", data[:8])[0]
    header, body = json.loads(data[8:8 + size]), data[8 + size:]
    header.pop("__metadata__", None)
names = sorted(header, key=lambda name: header[name]["data_offsets"]) if safe else []
before = data
exec(change)
if data is not None:
    if safe and data is before:
        text = json.dumps(header).encode()
        data = struct.pack("<Q", len(text)) + text + body
    open(path, "wb").write(data)
END
}
num_models=0

# What every refusal has in common. refusal WHAT WORDS...
refusal() {
  local what=$1
  shift
  equal "$what: exit code" "$code" "${expected_code:-2}"
  equal "$what: one message" "$(num_errors "$err")" 1
  contains "$what: the message" "$(grep '^ditmesh [^:]*: error: ' <<<"$err" || true)" "$@"
  check "$what: nothing is touched" test ! -e "$work/out"
}
# generate ARGUMENTS...: with defaults that work, where the arguments do not say other.
generate() {
  local all=("$@") option
  [[ " $* " == *" --model "* ]] || all+=(--model "$model")
  [[ " $* " == *" --output "* ]] || all+=(--output "$work/out")
  [[ " $* " == *" --prompt"* ]] || all+=(--prompts "$rows")
  for option in height=32 width=32 steps=2; do
    [[ " $* " == *" --${option%%=*}"[\ =]* ]] || all+=("--$option")
  done
  if [[ -n ${ranks:-} ]]; then run_mpi "$ranks" generate "${all[@]}"; else run generate "${all[@]}"; fi
}
# bad_model WHAT PART PYTHON WORDS...
bad_model() {
  local what=$1
  damage "$2" "$3"
  shift 3
  generate --model "$broken"
  refusal "$what" "$@"
}
# bad_rows WHAT FILE TEXT WORDS...: a manifest (printf escapes).
bad_rows() {
  local what=$1 file=$2
  printf '%b' "$3" >"$work/$file"
  shift 3
  generate --prompts "$work/$file"
  refusal "$what" "$@"
}

transformer=transformer/diffusion_pytorch_model.safetensors
vae=vae/diffusion_pytorch_model.safetensors

weights() {
  bad_model "weights cut short" $transformer 'data = data[:-100]' "$transformer" "bytes"
  bad_model "weights cut inside the header" $vae 'data = data[:50]' "$vae" "header" "bytes"
  bad_model "weights of 5 bytes" $vae 'data = data[:5]' "$vae" "5 bytes"
  bad_model "empty weights" text_encoder/model.safetensors 'data = b""' "text_encoder/model.safetensors" "empty"
  bad_model "a header of 2^63 bytes" $vae 'data = struct.pack("<Q", 1 << 63) + data[8:]' "9223372036854775808"
  bad_model "a header that is no JSON" $vae 'data = data[:8] + b"#" + data[9:]' "$vae" "line 1, column 1"
  bad_model "trailing bytes" $vae 'body += bytes(16)' "$vae" "bytes"
  bad_model "offsets out of range" $vae 'header[names[-1]]["data_offsets"][1] += 1 << 40; header[names[-1]]["shape"] = [1 << 38]' \
    "$vae" "lies at bytes"
  bad_model "offsets that overlap" $vae \
    'size = header[names[1]]["data_offsets"]; shift = 4; size[0] -= shift; size[1] -= shift' "$vae" "begins at byte"
  bad_model "offsets backwards" $vae 'header[names[1]]["data_offsets"].reverse()' "$vae" "bytes"
  bad_model "fewer bytes than the shape" $vae 'header[names[1]]["shape"].append(2)' "$vae" "shape"
  bad_model "a shape whose size overflows" $vae 'header[names[1]]["shape"] = [1 << 33, 1 << 33]' "$vae" "shape" "too large"
  bad_model "a negative size" $vae 'header[names[1]]["shape"] = [-1]' "$vae" "shape" "-1"
}

tensors() {
  bad_model "wrong shape" $transformer \
    'name = "x_embedder.weight"; header[name]["shape"].reverse()' "x_embedder.weight" "[24, 16]" "[16, 24]"
  bad_model "wrong dtype" $transformer \
    'entry = header["x_embedder.bias"]; end = entry["data_offsets"][1]; extra = bytes(96); body = body[:end] + extra + body[end:]
entry["dtype"] = "I64"
for other in header.values():
    if other["data_offsets"][0] >= end: other["data_offsets"] = [at + 96 for at in other["data_offsets"]]
entry["data_offsets"][1] += 96' "x_embedder.bias" "I64" "F32"
  bad_model "unknown dtype" $transformer 'header["x_embedder.bias"]["dtype"] = "Q4_0"' "x_embedder.bias" "Q4_0"
  bad_model "missing tensor" $transformer 'header["x_embedder.weird"] = header.pop("x_embedder.weight")' \
    "no tensor 'x_embedder.weight'"
  bad_model "missing tensor of T5" text_encoder_2/model.safetensors \
    'header["z"] = header.pop("encoder.final_layer_norm.weight")' "encoder.final_layer_norm.weight"
  bad_model "missing tensor of CLIP" text_encoder/model.safetensors \
    'name = [n for n in names if "final_layer_norm.weight" in n][0]; header["z"] = header.pop(name)' "final_layer_norm.weight"
  bad_model "missing tensor of the VAE" $vae 'header["z"] = header.pop("decoder.conv_in.weight")' "decoder.conv_in.weight"
  bad_model "pickled weights only" $vae \
    'os.rename(path, path.replace("safetensors", "bin")); data = None' "vae" "no safetensors file" "pickle"
  bad_model "no weights" $transformer 'os.remove(path); data = None' "transformer" "no safetensors file"
}

configuration() {
  bad_model "broken JSON" transformer/config.json 'data = b"{\n  \"num_layers\": 2,\n  \"patch_size\" 1\n}\n"' \
    "transformer/config.json" "line 3, column" 
  bad_model "JSON cut short" vae/config.json 'data = data[:40]' "vae/config.json" "line 3, column"
  bad_model "JSON that is a list" vae/config.json 'data = b"[]"' "vae/config.json" "object"
  bad_model "missing field (diffusers' default is 24 heads)" transformer/config.json 'data = data.replace(b"num_attention_heads", b"num_heads")' \
    "x_embedder.weight" "[192, 16]" "[24, 16]"
  bad_model "field of another type" transformer/config.json 'data = data.replace(b"\"num_layers\": 2", b"\"num_layers\": \"two\"")' \
    "transformer/config.json" "num_layers" "two"
  bad_model "negative field" transformer/config.json 'data = data.replace(b"\"num_layers\": 2", b"\"num_layers\": -2")' \
    "transformer/config.json" "num_layers" "-2"
  bad_model "unknown pipeline class" model_index.json 'data = data.replace(b"FluxPipeline", b"PixArtAlphaPipeline")' \
    "PixArtAlphaPipeline" "FluxPipeline"
  bad_model "unknown transformer class" transformer/config.json \
    'data = data.replace(b"FluxTransformer2DModel", b"SomeTransformer")' "SomeTransformer"
  bad_model "unknown scheduler class" scheduler/scheduler_config.json \
    'data = data.replace(b"FlowMatchEulerDiscreteScheduler", b"DDIMScheduler")' "DDIMScheduler" "FlowMatchEulerDiscreteScheduler"
  bad_model "unknown scheduler class in the index" model_index.json \
    'data = data.replace(b"FlowMatchEulerDiscreteScheduler", b"DDIMScheduler")' "DDIMScheduler" "FlowMatchEulerDiscreteScheduler"
  bad_model "Karras sigmas" scheduler/scheduler_config.json \
    'data = data.replace(b"\"use_karras_sigmas\": false", b"\"use_karras_sigmas\": true")' "use_karras_sigmas"
  bad_model "parts that do not fit together" transformer/config.json \
    'data = data.replace(b"\"joint_attention_dim\": 24", b"\"joint_attention_dim\": 32")' "joint_attention_dim" "32" "24"
  bad_model "no scheduler" scheduler/scheduler_config.json 'os.remove(path); data = None' "scheduler_config.json"
}

tokenizers() {
  bad_model "missing CLIP tokenizer" tokenizer/tokenizer.json 'os.remove(path); data = None' "tokenizer" "vocab.json"
  bad_model "missing T5 tokenizer" tokenizer_2/tokenizer.json 'os.remove(path); data = None' "tokenizer_2" "spiece.model"
  bad_model "broken T5 tokenizer" tokenizer_2/tokenizer.json 'data = data[:1000]' "tokenizer_2/tokenizer.json" "column"
  bad_model "CLIP tokenizer without its vocabulary" tokenizer/tokenizer.json 'data = b"{\"model\": {\"type\": \"BPE\"}}"' \
    "tokenizer/tokenizer.json"
}

folders() {
  mkdir empty full
  touch full/a file
  generate --model "$work/none"
  refusal "no such model folder" "none" "--model"
  HF_HOME=$work/empty generate --model black-forest-labs/FLUX.9
  refusal "a model that is not in the cache" "black-forest-labs/FLUX.9" "cache"
  generate --model "$work/empty"
  refusal "an empty model folder" "model_index.json"
  generate --model "$work/file"
  refusal "a file as model folder" "file"
  generate --output "$work/full"
  refusal "the output is not empty" "--output" "full" "no job of ditmesh wrote"
  equal "the output is not empty: it is left alone" "$(ls full)" a
  generate --output "$work/file"
  refusal "the output is a file" "--output" "file"
  generate --output "$work/file/below"
  refusal "the output lies under a file" "file"
  generate --output /proc/none/out
  expected_code=3 refusal "the output cannot be made" "/proc/none"
  generate --output "" --dry-run
  refusal "an empty --output" "--output"
  generate --prompts "$work/none.txt"
  refusal "no such manifest" "none.txt" "No such file"
  generate --prompts "$work/empty"
  refusal "a folder as manifest" "folder"
  cp "$rows" rows.docx
  generate --prompts "$work/rows.docx"
  refusal "a manifest of unknown kind" ".jsonl" "rows.docx"
}

manifests() {
  bad_rows "empty manifest" rows.txt '' "at least one prompt"
  bad_rows "blank manifest" rows.txt '\n  \n' "at least one prompt"
  bad_rows "header only" rows.csv 'prompt,seed\n' "at least one prompt"
  bad_rows "invalid UTF-8" rows.txt 'a cat\nk\xe4se\n' "rows.txt" "line 2" "UTF-8" "byte 2"
  bad_rows "UTF-16" rows.txt '\xff\xfea\0 \0c\0' "UTF-8"
  bad_rows "a NUL" rows.txt 'a\0b\n' "NUL"
  bad_rows "duplicate ids" rows.csv 'id,prompt\na,x\nb,y\na,z\n' "'a'" "line 2" "line 4" "unique"
  bad_rows "an id that is another row's number" rows.csv 'id,prompt\n1,x\n,y\n' "'1'" "unique"
  bad_rows "bad number" rows.csv 'prompt,seed\nx,1\ny,two\n' "line 3" "seed" "two"
  bad_rows "negative seed" rows.csv 'prompt,seed\nx,-1\n' "line 2" "seed" "-1"
  bad_rows "size of zero" rows.csv 'prompt,width\nx,0\n' "line 2" "width" "0"
  bad_rows "size that the model does not allow" rows.csv 'prompt,width\nx,32\ny,40\n' "width" "multiple of 16" "40"
  bad_rows "no prompt column" rows.csv 'title,seed\nx,1\n' "prompt" "title" "--prompt-column"
  generate --prompts "$work/rows.csv" --prompt-column caption2
  refusal "a prompt column that is not there" "caption2" "title"
  bad_rows "empty prompt" rows.csv 'prompt,seed\nx,1\n,2\n' "line 3" "empty"
  bad_rows "a row with too many cells" rows.csv 'prompt,seed\nx,1,2\n' "line 2" "2" "3"
  bad_rows "an open quote" rows.csv 'prompt\n"x\ny\n' "line 2" "quote"
  bad_rows "broken JSON" rows.jsonl '{"prompt": "x"}\n{"prompt": "y"\n' "line 2"
  bad_rows "JSON that is no object" rows.jsonl '["x"]\n' "line 1" "object"
  bad_rows "a prompt that is no text" rows.jsonl '{"prompt": 3}\n' "line 1" "prompt" "3"
  bad_rows "an id with a tab" rows.jsonl '{"id": "a\\tb", "prompt": "x"}\n' "line 1" "id" "control"
  bad_rows "an id too long" rows.csv "id,prompt\n$(printf 'x%.0s' {1..257}),y\n" "line 2" "256" "257"
  bad_rows "twice the same column" rows.csv 'prompt,prompt\nx,y\n' "prompt"
  run generate --model "$model" --output "$work/out" --prompts - </dev/null
  refusal "nothing on standard input" "standard input" "at least one prompt"
}

settings() {
  generate --height 40
  refusal "height not a multiple" "height" "multiple of 16" "40"
  generate --width 0
  refusal "width 0" "--width" "1 to 16384" "'0'"
  generate --steps 0
  refusal "steps 0" "--steps" "1 to 10000" "'0'"
  generate --max-sequence-length 513
  refusal "too many tokens" "--max-sequence-length" "512" "513"
  generate --dtype double
  refusal "unknown dtype" "--dtype" "fp32" "double"
  generate --frobnicate 3
  refusal "unknown option" "--frobnicate"
  run generate --output "$work/out" --prompt x
  refusal "no --model" "--model"
  run generate --model "$model" --prompt x
  refusal "no --output" "--output"
  run generate --model "$model" --output "$work/out"
  refusal "no prompts" "--prompts" "--prompt"
  generate --prompt x --prompts "$rows"
  refusal "--prompt and --prompts" "--prompts" "--prompt" "both"
  generate --prompt ""
  refusal "an empty --prompt" "--prompt" "empty"
  generate --prompt $'\xff'
  refusal "a --prompt that is not UTF-8" "--prompt" "UTF-8"
  generate --mesh data=2
  refusal "a mesh that does not multiply to the ranks" "data=2" "2" "1"
  generate --mesh ulises=1
  refusal "unknown mesh axis" "ulises" "did you mean 'ulysses'"
  generate --mesh ulysses
  refusal "a mesh axis without its degree" "ulysses" "AXIS=DEGREE"
  generate --mesh data=0
  refusal "a degree of 0" "data=0"
  generate --mesh data=1,data=1
  refusal "an axis twice" "data" "twice"
  generate --shard-size 1000000000 --height 1024 --width 1024
  refusal "shards too large" "--shard-size" "8.0 GiB" "2730"
  generate --height 65536 --width 65536 --dry-run
  refusal "a picture too large" "65536" "16384"
  if [[ ! -e /dev/nvidiactl ]]; then
    generate --device cuda
    expected_code=3 refusal "no CUDA device" "--device cuda" "CUDA"
  fi
}

under_mpirun() {
  local ranks=2
  generate --mesh ulysses=2
  refusal "2 ranks: inner mesh axes" "ulysses=2" "this version" "data=2"
  generate --mesh data=3
  refusal "2 ranks: a mesh of 3" "data=3" "3" "2 "
  bad_rows "2 ranks: duplicate ids" rows.csv 'id,prompt\na,x\na,z\n' "'a'" "line 2" "line 3"
  bad_model "2 ranks: weights cut short" $transformer 'data = data[:-100]' "$transformer" "bytes"
  bad_model "2 ranks: unknown pipeline class" model_index.json 'data = data.replace(b"FluxPipeline", b"OtherPipeline")' \
    "OtherPipeline" "FluxPipeline"
  generate --output /proc/none/out
  expected_code=3 refusal "2 ranks: the output cannot be made" "/proc/none"
  if [[ ! -e /dev/nvidiactl ]]; then
    generate --device cuda
    expected_code=3 refusal "2 ranks: no CUDA device" "--device cuda" "CUDA"
  fi
}

in_parallel weights tensors configuration tokenizers folders manifests settings under_mpirun

finish

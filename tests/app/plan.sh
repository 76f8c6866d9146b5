#!/usr/bin/env bash
# `plan`, and `generate --dry-run`: which mesh, where, how fast; what cannot be.
set -euo pipefail
source "$(dirname "$0")/lib.sh"
cd "$work"

run plan --model flux.1-dev --cluster dgx-h100-x4
succeeded "a built-in cluster"
contains "its ranking" "$out" "32 devices; by throughput" "data=32" "nothing is said between them" "bytes an image" \
  "Approximate, never chosen unasked"
run plan --model flux.1-dev --cluster dgx-h100 --objective latency --explain --top 1
succeeded "by latency, explained"
contains "where time goes" "$out" "ulysses=8" "a step" "ulysses over NVLink" "memory of a rank" "more: --top"
run plan --model flux.1-dev --cluster dgx-h100 --objective latency --json
succeeded "as JSON"
equal "the first of the JSON" "$(python3 -c 'import json, sys; print(json.load(sys.stdin)["ranked"][0]["mesh"])' <<<"$out")" ulysses=8
run plan --model flux.1-dev --cluster dgx-h100 --objective latency --mesh ulysses=2,pipeline=2,tensor=1,ring=1 --perfetto simulated.json
succeeded "a simulated trace"
check "it is a trace of four ranks" python3 -c '
import json
ranks = {event["pid"] for event in json.load(open("simulated.json"))["traceEvents"] if event["ph"] == "X"}
assert len(ranks) == 4, ranks'
run plan --model sd-1.5 --cluster dgx-h100 --height 512 --width 512
contains "a UNet is only copied" "$out" "UNet has no numbered token blocks"
run plan --model flux-tiny --height 64 --width 64
succeeded "this host"
run plan --model flux.1-dev --cluster dgx-h100 --mesh ring=2 --patches 4 --objective latency --top 1
contains "PipeFusion when asked" "$out" "ring=2" "patches 4"
check "nothing apart then" test "${out/Approximate/}" == "$out"
run plan --model flux.1-dev --cluster rtx-4090-4 --num-devices 1
equal "nothing fits: exit code 2" "$code" 2
contains "nothing fits: says why" "$out" "No mesh fits" "data=1 needs least" "a device has 24.0 GiB"
run plan --model flux.1-dev --cluster rtx-4090-4 --num-devices 2
contains "two of 24 GB" "$out" "pipeline=2" "text encoders only fit in turn"

printf '\tGPU0\tGPU1\tCPU Affinity\tNUMA Affinity\nGPU0\t X \tNV4\t0-7\t0\nGPU1\tNV4\t X \t8-15\t1\n' >smi.txt
run plan --model flux.1-dev --cluster smi.txt --device-model a100-sxm-80gb --objective latency
contains "what nvidia-smi drew, with a model" "$out" "2 devices" "over NVLink"

on_dgx=(plan --model flux.1-dev --cluster dgx-h100)
refused "too many heads" "tensor × ulysses is 25, the model has 24 heads" "for example --mesh" -- "${on_dgx[@]}" --mesh ulysses=25
refused "too many ranks" "ulysses=16,pipeline=4 has 64 ranks, there are 8 devices" -- "${on_dgx[@]}" --mesh ulysses=16,pipeline=4
refused "too many replicas" "data=9 has 9 ranks, there are 8 devices" -- "${on_dgx[@]}" --mesh data=9
refused "an unknown axis" "mesh axis 'foo' is unknown" -- "${on_dgx[@]}" --mesh foo=2
refused "a size between" "--height must be a multiple of 16" -- "${on_dgx[@]}" --height 1000
refused "stages of no pipeline" "--stages needs --mesh pipeline=N" -- "${on_dgx[@]}" --stages 0-10,11-56
refused "stages with a gap" "block 12, block 11 comes next" -- "${on_dgx[@]}" --mesh pipeline=2 --stages 0-10,12-56
refused "more devices than there are" "dgx-h100 has 8 healthy devices" -- "${on_dgx[@]}" --num-devices 9
refused "no warm-up" "--warmup-steps 0" -- "${on_dgx[@]}" --patches 2 --warmup-steps 0
refused "devices of no model" "give plan --device-model" -- plan --model flux.1-dev --cluster smi.txt
refused "too many ranks for an int" "multiplies to more than" -- "${on_dgx[@]}" --mesh tensor=65536,ulysses=65536
refused "more stages than blocks" "pipeline=60 needs a block for each stage" -- "${on_dgx[@]}" --mesh pipeline=60 --stages 0-55,56
refused "an unknown model" "(did you mean 'flux.1-dev'?)" -- plan --model flux.1-dv
refused "an unknown cluster" "dgx-h10" -- plan --model flux.1-dev --cluster dgx-h10

# generate --dry-run, on the ranks' host and on a described cluster of two nodes.
cat >boxes.json <<'END'
{"name": "boxes",
 "node_types": {"box": {"places": [{"names": "numa0"}],
   "devices": [{"names": "gpu[0-3]", "model": "h100-sxm", "in": "numa0", "nvswitch_links": 18}],
   "nics": [{"names": "nic", "kind": "infiniband", "in": "numa0"}]}},
 "switches": [{"names": "leaf"}],
 "nodes": [{"names": "box[1-2]", "type": "box", "leaves": "leaf"}]}
END
dry=(generate --dry-run --model "$model" --max-sequence-length 32 --prompt "a cat" --prompt "a dog" --height 64 --width 64 --output out)
run "${dry[@]}"
succeeded "--dry-run here"
contains "what would be done" "$out" "2 pictures" "nodes" "mesh data=1" "memory of a rank" "a step of rank 0" "time: " "for 2 batches"
check "--dry-run writes nothing" test ! -e out
run_mpi 8 "${dry[@]}" --cluster boxes.json --mesh ulysses=2,pipeline=2,cfg=2 --true-cfg 3
succeeded "--dry-run on two described nodes"
contains "sequence and pipeline inside the nodes, cfg across" "$out" \
  "box1  | gpu0: c0 p0 u0 | gpu1: c0 p0 u1 | gpu2: c0 p1 u0 | gpu3: c0 p1 u1" \
  "box2  | gpu0: c1 p0 u0 | gpu1: c1 p0 u1 | gpu2: c1 p1 u0 | gpu3: c1 p1 u1" "this version makes each picture on one rank"
run_mpi 8 "${dry[@]}" --cluster boxes.json --mesh ulysses=3
contains "spares" "$out" "2 spares" "spare"
cat >placement.txt <<'END'
# The other way around.
data=0,ulysses=0 box2:gpu3
data=0,ulysses=1 box2:gpu2
data=1,ulysses=0 box1:gpu1
data=1,ulysses=1 box1:gpu0
END
run_mpi 4 "${dry[@]}" --cluster boxes.json --mesh ulysses=2 --placement placement.txt
contains "a placement by hand" "$out" "gpu2: d0 u1 | gpu3: d0 u0"
sed -i 's/box2:gpu3/box2:gpu9/' placement.txt
refused "a placement on what is not there" "placement.txt, line 2: this job has no device 'box2:gpu9'" -- \
  "${dry[@]}" --cluster boxes.json --mesh data=1 --placement placement.txt
refused "--cluster without --dry-run" "--cluster only goes with --dry-run" -- "${dry[@]/--dry-run/--threads=1}" --cluster boxes.json
refused "--patches without --dry-run" "--patches above 1 only goes with --dry-run" -- "${dry[@]/--dry-run/--threads=1}" --patches 2
finish

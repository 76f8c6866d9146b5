#!/usr/bin/env bash
# `topology`: clusters by name, by file and from other tools; what is of no known format.
set -euo pipefail
source "$(dirname "$0")/lib.sh"

# The built-in ones, and that what is printed reads back.
run topology --from dgx-h100-x4
succeeded "a built-in cluster"
contains "its picture" "$out" "4 nodes, 32 × h100-sxm (79.6 GiB)" "NVSwitch: gpu[0-7] by 18 links each" \
  "rail[0-7] → 192 GB/s → spine" "dgx[1-4]: 4 nodes of type dgx-h100 under rail[0-7]"
run topology --from dgx-h100-x4 --json
printf '%s' "$out" >cluster.json
first=$out
run topology --from cluster.json --json
equal "JSON reads back as itself" "$out" "$first"

# This host: its cores, if it has no GPU.
run topology
succeeded "this host"
contains "its picture" "$out" "1 node, " "nodes" "1 node of type"
run topology --json
printf '%s' "$out" >host.json
run topology --from host.json --json
equal "this host reads back as itself" "$out" "$(cat host.json)"

# The same on several ranks: once, by rank 0.
alone=$out
for ranks in 2 3 5; do
  run_mpi $ranks topology --json
  equal "this host on $ranks ranks" "$(json "$out" 'len(d["nodes"]), d["node_types"]')" \
    "$(json "$alone" 'len(d["nodes"]), d["node_types"]')"
done
run_mpi 2 topology --from dgx-h100-x4 --json
equal "a built-in cluster on two ranks" "$out" "$first"
run_mpi 2 topology --from nowhere
equal "a wrong name on two ranks: one message" "$code $(num_errors "$err")" "2 1"
# Ranks that play nodes, in turns: alike, they share a type; nobody knows their network.
DITMESH_TEST_NODES=b,a,b,a,c run_mpi 5 topology --json
succeeded "three nodes"
equal "three nodes, in the order of their ranks, of one type" \
  "$(json "$out" '[n["names"][0] for n in d["nodes"]], len(d["node_types"])')" "(['b', 'a', 'c'], 1)"
printf '%s' "$out" >three.json
run topology --from three.json --json
equal "three nodes read back as themselves" "$out" "$(cat three.json)"
printf 'SwitchName=l1 Nodes=a,b\nSwitchName=l2 Nodes=c\nSwitchName=s Switches=l[1-2]\n' >topology.conf
if [[ $(json three.json '"network" in str(d["switches"])') == True ]]; then
  SLURM_CONF=$work/slurm.conf DITMESH_TEST_NODES=b,a,b,a,c run_mpi 5 topology
  contains "three nodes under Slurm's switches" "$out" "3 nodes, " "b,a: 2 nodes" "under l1" "under l2" "l[1-2] → s"
fi
rm topology.conf

# Short transfers between ranks.
run topology --measure
equal "--measure on one rank: exit code" "$code" 2
contains "--measure on one rank: the command line" "$err" "needs two ranks or more" "mpirun -n 8 ditmesh topology --measure"
run_mpi 2 topology --measure --from dgx-h100
equal "--measure of another machine: exit code" "$code $(num_errors "$err")" "2 1"
run_mpi 2 topology --measure
succeeded "--measure on two ranks"
contains "a table of what was measured" "$out" "measured" "way" "MPI" "rank 0 (cores" "rank 1 (cores"
run_mpi 3 topology --measure --json
succeeded "--measure on three ranks"
equal "every two ranks, once" "$(json "$out" 'sorted("-".join(e.split()[1] for e in m["between"]) for m in d["measured"])')" \
  "['0-1', '0-2', '1-2']"
equal "figures that can be" "$(json "$out" 'all(0 < m[f][0] <= m[f][1] <= m[f][2] < 1e6 for m in d["measured"] for f in ("microseconds", "gigabytes_per_s"))')" True
printf '%s' "$out" >measured.json
run topology --from measured.json --json
equal "measurements read back as themselves" "$out" "$(cat measured.json)"
# Of two played nodes: what was measured between them is what their NIC gives.
DITMESH_TEST_NODES=a,a,b,b run_mpi 4 topology --measure --json
if (($(nproc) < 4)); then contains "more ranks than cores are warned of" "$err" "4 ranks share" "waiting"; fi
equal "two nodes: pairs of each, and one between" \
  "$(json "$out" 'sorted("".join(m["nodes"]) for m in d["measured"])')" "['aa', 'ab', 'bb']"
plugged='[n for t in d["node_types"].values() for n in t["nics"]]'
if [[ $(json "$out" "len($plugged) == 1 and d[\"switches\"] != []") == True ]]; then
  equal "two nodes: the NIC's link" "$(json "$out" "$plugged[0][\"link\"]")" \
    "$(json "$out" '[{"gigabytes_per_s": m["gigabytes_per_s"][1], "microseconds": m["microseconds"][1]} for m in d["measured"] if m["nodes"] == ["a", "b"]][0]')"
fi

# From other tools, by pipe and by file.
printf '\tGPU0\tGPU1\tNIC0\tCPU Affinity\tNUMA Affinity\nGPU0\t X \tNV4\tPIX\t0-7\t0\nGPU1\tNV4\t X \tSYS\t8-15\t1\nNIC0\tPIX\tSYS\t X\n' >smi.txt
run topology --from smi.txt
succeeded "nvidia-smi topo -m"
contains "its picture" "$out" "NVLink, 4 links each: gpu0-gpu1" "numa1 cores 8-15"
# The first line and the types are named after the file.
equal "the same by pipe" "$("$bin" topology --from nvidia-smi <smi.txt | sed 's/node/smi/g')" "${out//node/smi}"
printf 'SwitchName=l1 Nodes=a[1-2]\nSwitchName=l2 Nodes=b\nSwitchName=s Switches=l[1-2]\n' >topology.conf
run topology --from topology.conf
contains "a tree of Slurm" "$out" "a[1-2]: 2 nodes of type unknown under l1" "l[1-2] → s"
run SLURM_CONF="$PWD/slurm.conf" SLURM_JOB_ID=7 SLURM_JOB_NODELIST='b,a2' topology --from slurm
contains "a job of Slurm" "$out" "job 7" "b: 1 node of type unknown under l2"

refused "a slip in a name" "there is no cluster file 'dgx-h100x4' (did you mean 'dgx-h100-x4'?)" -- topology --from dgx-h100x4
printf 'hello\n' >notes.txt
refused "a file of no known format" "notes.txt describes no topology" "nvidia-smi topo -m" -- topology --from notes.txt
: >empty
refused "an empty file" "it looks like an empty file" -- topology --from empty
printf '\tGPU0\tGPU1\nGPU0\tX\tOK\nGPU1\tOK\tX\n' >p2p.txt
refused "another table of nvidia-smi" "it looks like the output of nvidia-smi topo -p2p" -- topology --from p2p.txt
printf '{"name": "x", "node_types": {}, "nodes": [{"names": "a", "type": "b"}]}' >wrong.json
refused "JSON with a slip" "wrong.json: nodes[0]: field 'type' names 'b', which is not there" -- topology --from wrong.json
refused "a folder" "/" -- topology --from /
run topology --from slurm
equal "outside of Slurm: exit code" "$code" 2
contains "outside of Slurm: says so" "$err" "this is no Slurm job"

# Processes of an srun without --mpi do not know of each other: the first says so, once.
for task in 0 1; do
  run SLURM_STEP_NUM_TASKS=4 SLURM_PROCID=$task generate --model "$model" --prompt "a cat" --output cats --dry-run
  equal "a world of one, task $task: exit code" "$code" 3
done
run SLURM_STEP_NUM_TASKS=4 SLURM_PROCID=0 generate --model "$model" --prompt "a cat" --output cats --dry-run
contains "a world of one: says so" "$err" "srun started 4 processes, and each is alone" "srun --mpi=pmix -n 4 ditmesh"
run SLURM_STEP_NUM_TASKS=4 SLURM_PROCID=1 generate --model "$model" --prompt "a cat" --output cats --dry-run
equal "a world of one: the others are silent" "$out$err" ""
run SLURM_STEP_NUM_TASKS=4 SLURM_PROCID=1 generate --model "$model" --prompt "a cat" --part 1/4 --output cats --dry-run
equal "worlds of one that make parts: exit code" "$code" 0
finish

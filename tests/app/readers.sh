#!/usr/bin/env bash
# The README's recipes, word for word, on a dataset of more shards than they keep open.
# shellcheck disable=SC2031 # $work of a section is its own
set -euo pipefail
source "$(dirname "$0")/lib.sh"
export OMP_WAIT_POLICY=passive # several runs share the cores

# 80 pictures in shards of one, and in shards of 40.
quick=(--model "$model" --height 32 --width 32 --steps 1 --device cpu --threads 1 --max-sequence-length 32)
for number in {1..80}; do printf 'the prompt number %d, für Käfer\n' "$number"; done >"$work/rows.txt"
run_mpi 2 generate "${quick[@]}" --prompts "$work/rows.txt" --output "$work/many" --shard-size 1
succeeded "generate, 80 shards"
run_mpi 2 generate "${quick[@]}" --prompts "$work/rows.txt" --output "$work/few" --shard-size 40
succeeded "generate, 2 shards"

# The first Python that has h5py and PyTorch, with the LibTorch that the program was built with if need be.
python_with_torch() {
  local python libtorch
  libtorch=$(ldd "$bin" | sed -n 's/.*=> \(.*\)\/torch\/lib\/libtorch_cpu.so .*/\1/p')
  for python in /usr/bin/python3 python3; do
    if PYTHONPATH=$libtorch timeout 120 "$python" -c '
import h5py, numpy, torch
torch.from_numpy(numpy.zeros(1))' 2>/dev/null; then
      echo "$python $libtorch"
      return
    fi
  done
}
read -r python libtorch < <(python_with_torch; echo)
if [[ -z $python ]]; then
  echo "no Python here has h5py and PyTorch: the README's recipe for PyTorch is not run"
  finish
fi

readme_python 3 >"$work/recipe.py"
contains "the recipe for PyTorch" "$(<"$work/recipe.py")" "torch.utils.data.Dataset" ".asstr()" "num_workers=2"

# Behind the recipe: every picture once, from two workers; files that are open; a batch against single reads.
cat >"$work/check.py" <<'END'
import hashlib, multiprocessing, random, time
with h5py.File("cats/dataset.h5") as index:
    expected = sorted(zip(index["samples/sha256"].asstr()[:], index["samples/prompt"].asstr()[:]))
found = []
for batch in loader:
    assert batch["image"].dtype == torch.uint8 and batch["image"].shape[1:] == (32, 32, 3), batch["image"].shape
    found += [(hashlib.sha256(image.numpy().tobytes()).hexdigest(), prompt) for image, prompt in zip(batch["image"], batch["prompt"])]
assert sorted(found) == expected
assert loader.dataset.owner is None, "only workers open files"
again = [sample["prompt"] for sample in loader.dataset.__getitems__([5, 3, 5, 4])]
assert again == [loader.dataset[i]["prompt"] for i in (5, 3, 5, 4)], "the order of the batch"

pictures = Pictures("cats")
for i in range(len(pictures)): pictures[i]
assert len(pictures.files) == min(64, len(pictures.names)), len(pictures.files)

def fastest(read, batches):
    seconds = []
    for batch in batches:
        start = time.perf_counter()
        read(batch)
        seconds.append(time.perf_counter() - start)
    return min(seconds)
random.seed(1)
batches = [random.sample(range(len(pictures)), 32) for _ in range(20)]
single = fastest(lambda batch: [pictures[i] for i in batch], batches)
batch = fastest(pictures.__getitems__, batches)
print(f"# 32 single reads {single * 1e3:.1f} ms, a batch of 32 {batch * 1e3:.1f} ms")
print("works" if batch <= 2 * single else "a batch of 32 costs more than twice 32 single reads")
END
for dataset in many few; do
  mkdir "$work/in-$dataset"
  ln -s "$work/$dataset" "$work/in-$dataset/cats"
  found=$(cd "$work/in-$dataset" && cat ../recipe.py ../check.py >run.py && PYTHONPATH=$libtorch timeout 120 "$python" run.py 2>&1) || true
  grep '^#' <<<"$found" || true
  equal "PyTorch with two workers, $dataset shards" "$(grep -v '^#' <<<"$found")" "works"
done

# The recipe for h5py without by_shard, on a file by itself.
run export "$work/few" --to one.h5 --format hdf5
cat >one.py <<'END'
import h5py, hashlib
with h5py.File("one.h5") as index:
    for row in range(80):
        bucket, index_in_bucket = index["samples/bucket"].asstr()[row], index["samples/index_in_bucket"][row]
        pixels = index[bucket]["images"][index_in_bucket]
        assert hashlib.sha256(pixels.tobytes()).hexdigest() == index["samples/sha256"].asstr()[row]
print("works")
END
equal "a single file by h5py" "$("$python" one.py 2>&1)" "works"

finish

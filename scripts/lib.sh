# shellcheck shell=bash disable=SC2034
# What the scripts here share; sourced after `set -euo pipefail`.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
deps=${DITMESH_DEPS:-${HOME:-/root}/.cache/ditmesh}
torch_version=2.11.0

fail() { # MESSAGE: the machine lacks something (exit code 3, as the program has it)
  printf '%s: %s\n' "${0##*/}" "$1" >&2
  exit 3
}

# Sets cuda (ON or OFF), cuda_reason and libtorch (the folder that holds torch/).
choose_cuda() {
  local nvcc release=
  nvcc=$(command -v nvcc || true)
  if [[ -z $nvcc && -x /usr/local/cuda/bin/nvcc ]]; then
    nvcc=/usr/local/cuda/bin/nvcc
    PATH=$PATH:/usr/local/cuda/bin
  fi
  if [[ -n $nvcc ]]; then
    release=$("$nvcc" --version | sed -n 's/.*release \([0-9.]*\).*/\1/p')
  fi
  case ${DITMESH_CUDA:-} in
    ON | OFF)
      cuda=$DITMESH_CUDA
      cuda_reason="DITMESH_CUDA=$cuda"
      ;;
    '')
      if [[ -z $release ]]; then
        cuda=OFF cuda_reason="no CUDA toolkit found"
      elif printf '12.8\n%s\n' "$release" | sort -CV; then
        cuda=ON cuda_reason="CUDA toolkit $release found"
      else
        cuda=OFF cuda_reason="CUDA toolkit $release found, 12.8 or newer needed"
      fi
      ;;
    *) fail "DITMESH_CUDA=$DITMESH_CUDA: ON or OFF" ;;
  esac
  libtorch=$deps/libtorch-$torch_version-$([[ $cuda == ON ]] && echo cuda || echo cpu)
  # Somebody's own prefix comes first, as in cmake/FindLibTorch.cmake.
  local prefix folder
  while IFS= read -r prefix; do
    for folder in "${prefix%/torch}" "$prefix"/lib/python3*/site-packages; do
      if [[ -n $prefix && -e $folder/torch/lib/libtorch_cpu.so ]]; then libtorch=$folder; fi
    done
  done < <(tr ':;' '\n' <<<"${CMAKE_PREFIX_PATH:-}")
}

# Compiler processes at a time: one per core and 2 GiB of memory.
count_jobs() {
  local kib limit
  kib=$(sed -n 's/^MemAvailable: *\([0-9]*\) kB/\1/p' /proc/meminfo)
  limit=$(cat /sys/fs/cgroup/memory.max 2>/dev/null || echo max)
  if [[ $limit != max && $((limit / 1024)) -lt $kib ]]; then kib=$((limit / 1024)); fi
  jobs=$((kib / 2097152))
  if ((jobs > $(nproc))); then jobs=$(nproc); fi
  if ((jobs < 1)); then jobs=1; fi
}

# Open MPI refuses root, and more ranks than cores, unless told.
allow_mpi() {
  if [[ $(id -u) == 0 ]]; then
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
  fi
  export OMPI_MCA_rmaps_base_oversubscribe=1 PRTE_MCA_rmaps_default_mapping_policy=:oversubscribe
}

configure() { # PRESET [-D…]
  cmake --preset "$1" -DDITMESH_CUDA="$cuda" -DLibTorch_ROOT_DIR="$libtorch/torch" "${@:2}"
}

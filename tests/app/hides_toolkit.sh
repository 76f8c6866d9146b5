#!/usr/bin/env bash
# The LibTorch wheel's own libraries suffice: the program starts where the CUDA
# toolkit's folders cannot be seen. Exit code 77 (skipped) where the folders
# cannot be hidden, 1 if DITMESH_TEST_REQUIRE_UNSHARE=1.
# shellcheck disable=SC2031 # $work of a section is its own
set -euo pipefail
require=${DITMESH_TEST_REQUIRE_UNSHARE:-0}
source "$(dirname "$0")/lib.sh"

skip() {
  echo "SKIPPED: $1; whether the program needs the CUDA toolkit was NOT tested"
  if [[ $require == 1 ]]; then exit 1; fi
  exit 77
}
command -v unshare >/dev/null || skip "there is no unshare here (util-linux)"
# A namespace of its own for mounts; as another user, one for users too.
unshare=(unshare -m)
"${unshare[@]}" true 2>/dev/null || unshare=(unshare -r -m)
"${unshare[@]}" sh -c 'mount -t tmpfs none /mnt' 2>/dev/null || skip "unshare -m with a mount is not permitted here"

# An empty folder over each of the toolkit's, an empty file over each of its
# libraries among the system's; then the command.
cat >hidden <<'END'
#!/usr/bin/env bash
set -euo pipefail
unset LD_LIBRARY_PATH LD_PRELOAD CUDA_HOME CUDA_PATH
for folder in /usr/local/cuda* /opt/cuda* /usr/lib/cuda*; do
  [[ -d $folder && ! -L $folder ]] || continue
  mount -t tmpfs none "$folder"
  echo "hidden: $folder" >&2
done
for file in /usr/lib/x86_64-linux-gnu /usr/lib64; do
  for file in "$file"/lib{cudart,cupti,cublas,cublasLt,cudnn,cufft,curand,cusolver,cusparse,nccl,nvrtc,nvJitLink}.so*; do
    [[ -f $file && ! -L $file ]] || continue
    mount --bind /dev/null "$file"
    echo "hidden: $file" >&2
  done
done
exec "$@"
END
chmod +x hidden

code=0
"${unshare[@]}" ./hidden ls -A /usr/local/cuda >listing 2>hidden-log || code=$?
sed 's/^/  /' hidden-log
equal "the toolkit is hidden, or was never here" "$(cat listing)" ""
libraries=$("${unshare[@]}" ./hidden ldd "$bin" 2>/dev/null)
equal "every library is found" "$(grep 'not found' <<<"$libraries" || true)" ""
equal "none of them is the toolkit's" "$(grep -E '=> (/usr/local/cuda|/opt/cuda|/usr/lib/cuda)' <<<"$libraries" || true)" ""
code=0
out=$("${unshare[@]}" ./hidden timeout 120 "$bin" --version 2>err) || code=$?
err=$(<err)
succeeded "the program starts"
contains "and says its version" "$out" "ditmesh " "LibTorch"
code=0
"${unshare[@]}" ./hidden timeout 120 "$bin" generate --model "$model" --prompt "a cat" --height 32 --width 32 --steps 2 \
  --device cpu --output "$work/out" >/dev/null 2>err || code=$?
err=$(<err)
succeeded "and makes a picture on the CPU"

finish

#!/usr/bin/env bash
# run.sh OUT          tests and measures on this machine's GPU, from the folder that pack.sh made; all results to OUT (README.md)
set -uo pipefail
root=$(cd -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/../.." && pwd)
out=$(mkdir -p "${1:?run.sh OUT: the folder for results}" && cd "$1" && pwd)
rows=${XCLR_ROWS:-64 128 256 512} size=${XCLR_SIZE:-224} minutes=${XCLR_MINUTES:-2} python=${XCLR_PYTHON:-python3}
export DOTNET_ROOT=$root/dotnet DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1 DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1
export XCLR_TEST_DRIVERS=${XCLR_ICD:-$(find /usr/share/vulkan/icd.d /etc/vulkan/icd.d /usr/local/nvidia/share/vulkan/icd.d -name 'nvidia_icd*.json' 2>/dev/null | head -n 1)}
[ -z "$XCLR_TEST_DRIVERS" ] || export VK_DRIVER_FILES=$XCLR_TEST_DRIVERS
# torch.compile's work is kept here, so that the timed runs find it.
export TORCHINDUCTOR_CACHE_DIR=$out/inductor
xclr=$root/src/XClr.Cli/bin/Release/net10.0/xclr
steps=""

# step NAME FILE COMMAND...: its standard output to OUT/FILE, the rest to OUT/log.txt; a step whose name XCLR_STEPS (a pattern of grep -E) does not match is left out.
step() {
  local name=$1 file=$2 begin=$SECONDS rc=0
  grep -qE -- "${XCLR_STEPS:-.}" <<<"$name" || return 0
  echo "== $name" | tee -a "$out/log.txt" >&2
  # An interrupted `tune` keeps what it measured.
  timeout --signal=INT --kill-after=20 "${XCLR_LIMIT:-600}" "${@:3}" >"$out/$file" 2>>"$out/log.txt" || rc=$?
  [ "$rc" = 0 ] || echo "   exit code $rc" >&2
  steps="$steps${steps:+,}{\"step\":\"$name\",\"exit\":$rc,\"seconds\":$((SECONDS - begin))}"
  printf '{"commit":"%s","date":"%s","steps":[%s]}\n' "$(cat "$root/commit" 2>/dev/null)" "$(date -u +%FT%TZ)" "$steps" >"$out/summary.json"
}

step devices devices.json "$xclr" devices --json
# torch.compile takes a minute of the processor for each batch, beside the op tests, where nothing is timed.
if grep -qE -- "${XCLR_STEPS:-.}" <<<PyTorch; then
  for n in $rows; do "$python" "$root/tests/device/torch_step.py" --image-size "$size" --rows "$n" --repeats 1 --modes compile; done >>"$out/log.txt" 2>&1 &
fi
step "op tests" tests.log "$root/tests/device/op_tests.sh" "$out"
wait
step matrices bench-matrix.json "$xclr" bench matrix --json
for precision in fp32 amp; do
  step "matrix products, $precision" "bench-gemm-$precision.json" "$xclr" bench gemm --precision "$precision" --json
  # Kept in the results' folder, not in the machine's cache: the op tests above and PyTorch's runs know nothing of it.
  for n in $rows; do
    step "tune, $n rows, $precision" "tune-$n-$precision.json" env XCLR_CACHE="$out/cache" "$xclr" tune --image-size "$size" --rows "$n" --precision "$precision" --repeats "${XCLR_TUNE_REPEATS:-7}" --json
  done
  step "convolutions, $precision" "bench-conv-$precision.json" "$xclr" bench conv --image-size "$size" --rows "${rows%% *}" --precision "$precision" --json
  for n in $rows; do
    step "step of $n rows, $precision" "step-$n-$precision.json" "$xclr" bench step --image-size "$size" --rows "$n" --precision "$precision" --repeats 10 --json
    step "step of $n rows, $precision, tuned" "step-$n-$precision-tuned.json" env XCLR_CACHE="$out/cache" "$xclr" bench step --image-size "$size" --rows "$n" --precision "$precision" --repeats 10 --json
  done
done
for n in $rows; do
  step "PyTorch, $n rows" "torch-$n.json" "$python" "$root/tests/device/torch_step.py" --image-size "$size" --rows "$n"
done
step loss bench-loss.json "$xclr" bench loss --json
step profile profile.json "$xclr" profile --image-size "$size" --batch-size $((${rows%% *} / 2)) --precision amp --measure-peaks --html "$out/profile.html" --csv "$out/profile.csv" --json
if [ -f "$root/data/t10k-images-idx3-ubyte.gz" ]; then
  step train train.log "$xclr" train --data "$root/data/t10k-images-idx3-ubyte.gz" --data-format idx --classes "$root/data/classes.txt" --caption-template "a photo of a {class}" --val-data "$root/data/t10k-images-idx3-ubyte.gz" \
    --arch resnet50 --image-size 64 --batch-size "${XCLR_TRAIN_ROWS:-256}" --epochs 1000 --max-time "${minutes}m" --optimizer adamw --lr 1e-3 --lr-scaling none --precision amp --run-dir "$out/train"
fi
rm -rf "$out/inductor"
cat "$out/summary.json"

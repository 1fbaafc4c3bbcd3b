#!/usr/bin/env bash
# run.sh OUT          tests and measures on this machine's GPU, from the folder that pack.sh made; all results to OUT (README.md)
set -uo pipefail
root=$(cd -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/../.." && pwd)
out=$(mkdir -p "${1:?run.sh OUT: the folder for results}" && cd "$1" && pwd)
rows=${XCLR_ROWS:-256 64 128 512} size=${XCLR_SIZE:-224} train_time=${XCLR_TRAIN_TIME:-2m} python=${XCLR_PYTHON:-python3}
main=${rows%% *}
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
# torch.compile takes a minute or two of the processor for each batch: beside what follows, of which nothing is compared with it.
if grep -qE -- "${XCLR_STEPS:-.}" <<<PyTorch; then
  for n in $rows; do "$python" "$root/tests/device/torch_step.py" --image-size "$size" --rows "$n" --repeats 1 --modes compile >>"$out/log.txt" 2>&1 & done
fi
# Kept in the results' folder, not in the machine's cache: other steps know nothing of it.
for precision in amp fp32; do
  step "tune, $precision" "tune-$precision.json" env XCLR_CACHE="$out/cache" "$xclr" tune --image-size "$size" --rows "$main" --precision "$precision" --repeats "${XCLR_TUNE_REPEATS:-7}" --json
done
step "op tests" tests.log "$root/tests/device/op_tests.sh" "$out"
wait
for precision in amp fp32; do
  step "step of $main rows, $precision, tuned" "step-$main-$precision-tuned.json" env XCLR_CACHE="$out/cache" "$xclr" bench step --image-size "$size" --rows "$main" --precision "$precision" --repeats 10 --json
  for n in $rows; do
    step "step of $n rows, $precision" "step-$n-$precision.json" "$xclr" bench step --image-size "$size" --rows "$n" --precision "$precision" --repeats 10 --json
  done
done
# What keeps no outputs of last convolutions (docs/decisions.md): never, and from fewer rows on than the estimate that stands.
for n in $rows; do
  for least in 1G 40; do
    step "step of $n rows, amp, momentNormRows=$least" "step-$n-amp-moments-$least.json" env XCLR_CAPS=momentNormRows=$least "$xclr" bench step --image-size "$size" --rows "$n" --precision amp --repeats 10 --json
  done
done
for n in $rows; do
  step "PyTorch, $n rows" "torch-$n.json" "$python" "$root/tests/device/torch_step.py" --image-size "$size" --rows "$n"
done
step "step of $main rows, bf16" "step-$main-bf16.json" "$xclr" bench step --image-size "$size" --rows "$main" --precision bf16 --repeats 10 --json
for precision in bf16 fp32; do
  step "PyTorch, $main rows, $precision" "torch-$main-$precision.json" "$python" "$root/tests/device/torch_step.py" --image-size "$size" --rows "$main" --precision "$precision" --modes eager
done
step profile profile.json env XCLR_CACHE="$out/cache" "$xclr" profile --loss simclr --image-size "$size" --batch-size $((main / 2)) --precision amp --steps 5 --measure-peaks --html "$out/profile.html" --csv "$out/profile.csv" --json
images=$root/data/t10k-images-idx3-ubyte.gz
if [ -f "$images" ]; then
  # Steps that change next to nothing (the first ones are skipped, until the loss scale fits): the running variances of batch norms whose statistics are of moments, beside those of stored outputs.
  for least in 0 1G; do
    step "statistics, amp, momentNormRows=$least" "statistics-$least.log" env XCLR_CAPS=momentNormRows=$least "$xclr" train --data "$images" --data-format idx --loss simclr --arch resnet50 --image-size "$size" --batch-size $((main / 2)) --steps 8 \
      --optimizer sgd --lr 1e-9 --lr-scaling none --precision amp --run-dir "$out/statistics-$least"
  done
  step "statistics" statistics.json "$python" "$root/tests/device/running_variances.py" "$out"/statistics-0/checkpoints/*/model.safetensors "$out"/statistics-1G/checkpoints/*/model.safetensors
  for precision in amp bf16; do
    step "train, $precision" "train-$precision.log" "$xclr" train --data "$images" --data-format idx --classes "$root/data/classes.txt" --caption-template "a photo of a {class}" --val-data "$images" \
      --arch resnet50 --image-size 64 --batch-size "${XCLR_TRAIN_ROWS:-256}" --epochs 1000 --max-time "$train_time" --optimizer adamw --lr 1e-3 --lr-scaling none --precision "$precision" --run-dir "$out/train-$precision"
  done
fi
step matrices bench-matrix.json "$xclr" bench matrix --json
for precision in amp fp32; do
  step "matrix products, $precision" "bench-gemm-$precision.json" "$xclr" bench gemm --precision "$precision" --json
  step "convolutions, $precision" "bench-conv-$precision.json" "$xclr" bench conv --image-size "$size" --rows 64 --precision "$precision" --json
done
step loss bench-loss.json "$xclr" bench loss --json
rm -rf "$out/inductor"
cat "$out/summary.json"

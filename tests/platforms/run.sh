#!/usr/bin/env bash
# tests/platforms/run.sh linux-arm64|win-x64: publishes the program for another platform and uses it here in an emulator, on lavapipe: qemu-user with Debian's arm64 driver, or Wine with this machine's.
# A small training must lose what this machine's program loses; then its checkpoint is used by the other verbs. Ends with "PLATFORM: N of N".
#
# Debian packages: those of native/cross.sh, dataset-fashion-mnist, and qemu-user, or wine wine64 xvfb xauth libxcursor1 libxi6 libxrandr2 libxinerama1 libxcomposite1 (Wine's Vulkan wants a display).
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
platform=${1:-}
build=$root/build/platforms/$platform
data=/usr/share/datasets/fashion-mnist

# Debian's arm64 lavapipe and what it needs, unpacked beside this machine's own packages.
fetch_arm64() {
  local work apt package
  work=$(mktemp -d)
  mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$build/root/proc"
  : >"$work/status"
  apt=(apt-get -qq -o APT::Architecture=arm64 -o APT::Architectures=arm64 -o "Dir::State::Lists=$work/lists" -o "Dir::State::status=$work/status" -o "Dir::Cache=$work/cache"
    -o Acquire::Check-Valid-Until=false -o APT::Sandbox::User=root -o Debug::NoLocking=1)
  "${apt[@]}" update
  "${apt[@]}" install -y --no-install-recommends --download-only libc6 libstdc++6 zlib1g libvulkan1 mesa-vulkan-drivers >/dev/null
  for package in "$work"/cache/archives/*.deb; do dpkg -x "$package" "$build/root"; done
  rm -rf "$work"
  # ONNX Runtime asks what kind of Arm processor this is, and does not survive an x86 answer.
  printf 'processor\t: %s\nFeatures\t: fp asimd aes pmull sha1 sha2 crc32 atomics\nCPU implementer\t: 0x41\nCPU architecture: 8\nCPU variant\t: 0x3\nCPU part\t: 0xd0c\nCPU revision\t: 1\n\n' 0 1 >"$build/root/proc/cpuinfo"
}

case $platform in
  linux-arm64)
    [ -e "$build/root/proc/cpuinfo" ] || fetch_arm64
    needed=qemu-aarch64 program=$root/build/publish/$platform/xclr
    # NEON: subgroups of 4, here too.
    export LP_NATIVE_VECTOR_WIDTH=128
    emulated() {
      HOME=$build qemu-aarch64 -L "$build/root" -E "LD_LIBRARY_PATH=$build/root/usr/lib/aarch64-linux-gnu:$build/root/lib/aarch64-linux-gnu" \
        -E DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1 -E DOTNET_EnableWriteXorExecute=0 -E VK_DRIVER_FILES=/usr/share/vulkan/icd.d/lvp_icd.aarch64.json "$program" "$@"
    }
    ;;
  win-x64)
    needed="wine xvfb-run" program=$root/build/publish/$platform/xclr.exe
    emulated() { WINEPREFIX=$build/prefix WINEDEBUG=-all xvfb-run -a wine "$program" "$@"; }
    ;;
  *) echo "usage: tests/platforms/run.sh linux-arm64|win-x64" >&2 && exit 2 ;;
esac
for command in $needed; do
  command -v "$command" >/dev/null || { echo "there is no $command here; the packages are listed in $0" >&2 && exit 2; }
done
[ -d "$data" ] || { echo "there is no $data (Debian: dataset-fashion-mnist)" >&2 && exit 2; }

"$root/native/cross.sh" "$platform"
"$root/xclr" publish "$platform"

passed=0 all=0
# check WHAT COMMAND...: its output is shown where it fails.
check() {
  local what=$1 log=$build/check.log
  shift
  all=$((all + 1))
  if "$@" >"$log" 2>&1; then
    passed=$((passed + 1))
    echo "passed: $what"
  else
    echo "FAILED: $what"
    tail -n 20 "$log"
  fi
}

# Relative paths are the same for both.
mkdir -p "$build"
cd "$build"
rm -rf emulated here photos packed
mkdir -p photos/a
printf 'a photo of a bag\r\na photo of a coat\r\n' >captions.txt
training=(train --data "$data" --caption-template 'a photo of a {class}' --arch resnet18 --stem half --width 0.25 --image-size 24 --batch-size 16 --save-every 4 --keep 1 --log-every 1 --lr 0.05
  --seed 5 --workers 2)

losses() { grep -o '"loss":[^,]*' "$1/metrics.jsonl" | cut -d: -f2; }
# Libraries of other platforms round the last bit of logarithms otherwise, in first weights and draws.
losses_agree() { paste <(losses emulated) <(losses here) | awk '{ d = $1 - $2; if (d < 0) d = -d; if (d > most) most = d } END { printf "%d losses, largest difference %g\n", NR, most; exit !(NR == 12 && most < 1e-3) }'; }

photograph() { cmake --build "$root/build" --target xclr_image_test && "$root/build/native/xclr_image_test" photos/a/0.jpg; }

check "the device is found" emulated devices
cat check.log
check "trains" emulated "${training[@]}" --run-dir emulated --steps 12
check "trains here" "$root/xclr" "${training[@]}" --run-dir here --steps 12
check "loses the same" losses_agree
cat check.log
check "goes on" emulated "${training[@]}" --run-dir emulated --resume auto --steps 16
check "evaluates" emulated eval --checkpoint emulated --data "$data" --val-data "$data" --protocol knn,linear,zeroshot,fidelity --caption-template 'a photo of a {class}' --limit 200
check "a photograph is made here" photograph
check "packs photographs" emulated pack photos --out packed --short-side 64
check "embeds photographs" emulated embed-images --checkpoint emulated --data packed --out features.safetensors
check "embeds captions" emulated embed-text --captions captions.txt --out captions.safetensors
check "exports" emulated export --checkpoint emulated --format onnx --out encoder.onnx
check "reports" emulated report emulated --images 20 --out report.html
echo "$platform: $passed of $all"
[ "$passed" = "$all" ]

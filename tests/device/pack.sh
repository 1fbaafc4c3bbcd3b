#!/usr/bin/env bash
# pack.sh          makes build/device and build/device.tar.xz: program, test assemblies, runtime and test runner for a bare Linux machine with a GPU (README.md)
#
# Takes what a Release build left; builds nothing.
set -euo pipefail
root=$(cd -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/../.." && pwd)
device=$root/build/device
dotnet=$(dirname -- "$(readlink -f -- "$(command -v dotnet)")")
sdk=$dotnet/sdk/$(dotnet --version)
runtime=$(dotnet --list-runtimes | sed -n 's/^Microsoft.NETCore.App \([^ ]*\).*/\1/p' | tail -n 1)
program=src/XClr.Cli/bin/Release/net10.0
data=/usr/share/datasets/fashion-mnist

[ -x "$root/$program/xclr" ] || { echo "pack.sh: there is no $root/$program/xclr; build first: ./xclr devices" >&2; exit 1; }

# copy FROM-FOLDER TO-FOLDER [tar's options]: what is there, other systems' native libraries left out.
copy() {
  mkdir -p "$2"
  tar -C "$1" --exclude='runtimes/win*' --exclude='runtimes/osx*' --exclude='runtimes/linux-arm*' --exclude='runtimes/linux-musl*' --exclude='runtimes/linux-bionic*' --exclude='runtimes/linux-riscv*' \
    --exclude='runtimes/linux-loongarch*' --exclude='runtimes/linux-x86' --exclude='runtimes/browser*' --exclude='runtimes/maccatalyst*' --exclude='runtimes/android*' --exclude='runtimes/ios*' --exclude='*.pdb' --exclude='*.xml' \
    -cf - "${@:3}" . | tar -C "$2" -xf -
}

rm -rf "$device"
copy "$root/$program" "$device/$program"
for project in XClr.Gpu.Tests XClr.Nn.Tests; do
  [ -d "$root/tests/$project/bin/Release/net10.0" ] || { echo "pack.sh: tests/$project is not built; build first: dotnet build XClr.Vulkan.sln -c Release" >&2; exit 1; }
  copy "$root/tests/$project/bin/Release/net10.0" "$device/tests/$project/bin/Release/net10.0"
done
# A line "project class" each, the long ones first.
for project in XClr.Nn.Tests XClr.Gpu.Tests; do
  find "$root/tests/$project" -name '*Tests.cs' -not -path '*/obj/*' -printf "%s $project %f\n"
done | sort -rn | sed 's/^[0-9]* //; s/\.cs$//' >"$device/tests/classes"
# The validation layer of Debian's chromium-common, where it is there.
if [ -f /usr/lib/chromium/libVkLayer_khronos_validation.so ]; then
  mkdir -p "$device/layer"
  cp /usr/lib/chromium/libVkLayer_khronos_validation.so "$device/layer"
  sed 's|@layer@|./libVkLayer_khronos_validation.so|' "$root/native/samples/validation.json.in" >"$device/layer/validation.json"
fi
# What tests look for from the repository's root.
copy "$root/tests/Golden/data" "$device/tests/Golden/data"
copy "$root/tests/device" "$device/tests/device"
copy "$root/shaders" "$device/shaders"
cp "$root/XClr.Vulkan.sln" "$device"
mkdir -p "$device/dotnet/shared/Microsoft.NETCore.App" "$device/vstest" "$device/data"
cp -r "$dotnet/dotnet" "$dotnet/host" "$device/dotnet"
cp -r "$dotnet/shared/Microsoft.NETCore.App/$runtime" "$device/dotnet/shared/Microsoft.NETCore.App"
rm -f "$device/dotnet/shared/Microsoft.NETCore.App/$runtime"/libmscordbi.so "$device/dotnet/shared/Microsoft.NETCore.App/$runtime"/libmscordaccore.so
cp -r "$sdk"/vstest.console* "$sdk"/Microsoft.TestPlatform*.dll "$sdk"/Microsoft.VisualStudio.TestPlatform*.dll "$sdk"/testhost* "$sdk"/Newtonsoft.Json.dll "$sdk"/NuGet.Frameworks.dll "$sdk"/Microsoft.Extensions.*.dll "$sdk"/Extensions "$device/vstest"
if [ -d $data ]; then
  cp $data/t10k-*.gz "$device/data"
  printf '%s\n' t-shirt trouser pullover dress coat sandal shirt sneaker bag "ankle boot" >"$device/data/classes.txt"
fi
# What the program and the tests both have is stored once: tar knows links.
(cd "$device/$program" && find . -type f) | while read -r file; do
  for project in XClr.Gpu.Tests XClr.Nn.Tests; do
    ! cmp -s "$device/$program/$file" "$device/tests/$project/bin/Release/net10.0/$file" || ln -f "$device/$program/$file" "$device/tests/$project/bin/Release/net10.0/$file"
  done
done
git -C "$root" rev-parse HEAD >"$device/commit" 2>/dev/null || true
tar -C "$root/build" -cf - device | xz -T0 -6 >"$root/build/device.tar.xz"
du -h "$root/build/device.tar.xz"

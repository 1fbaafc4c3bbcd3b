#!/usr/bin/env bash
# in_root.sh [--bare] DEVICE [NAME=value...] COMMAND...          runs a command in build/drivers/root on one driver; make_root.sh comes first
#
# DEVICE: lavapipe, or a card that is not there, whose real driver a shim makes believe: amd:gfx1201 nvidia:172 adreno:740 apple:m1 intel:bmg
# The repository and the .NET SDK (not with --bare) are there under their own paths, /tmp is empty, the environment holds what is named here and nothing else.
# Mounts and processes live in namespaces of their own: both are gone when this ends, however it ends.
set -euo pipefail
here=$(cd -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")" && pwd)
repository=$(cd "$here/../.." && pwd)
root=$repository/build/drivers/root
dotnet=$(dirname -- "$(readlink -f -- "$(command -v dotnet)")")

if [ "$1" != --inside ]; then
  exec unshare --mount --pid --fork --kill-child --propagation private -- "${BASH_SOURCE[0]}" --inside "$@"
fi
shift
folders=("$repository" "$dotnet")
if [ "$1" = --bare ]; then
  folders=("$repository")
  shift
fi
device=$1
shift

libraries=/usr/lib/$(uname -m)-linux-gnu
name=${device#*:}
environment=()
# shim LIBRARY ICD VARIABLE: the driver believes that the card named by the variable is there.
shim() { environment=("LD_PRELOAD=$1" "VK_DRIVER_FILES=/usr/share/vulkan/icd.d/$2_icd.json" "$3=$name"); }
case $device in
  lavapipe) environment=(VK_DRIVER_FILES=/usr/share/vulkan/icd.d/lvp_icd.json XCLR_TEST_DRIVERS=/usr/share/vulkan/icd.d/lvp_icd.json) ;;
  amd:*) shim $libraries/libamdgpu_noop_drm_shim.so radeon AMDGPU_GPU_ID ;;
  nvidia:*) shim $libraries/libnouveau_noop_drm_shim.so nouveau NOUVEAU_CHIPSET ;;
  adreno:*) shim $libraries/libfreedreno_noop_drm_shim.so freedreno FD_GPU_ID ;;
  apple:*) shim $libraries/libasahi_noop_drm_shim.so asahi ASAHI_CHIP ;;
  intel:*) shim "$repository/build/drivers/libintel_noop_drm_shim.so" intel INTEL_STUB_GPU_PLATFORM ;;
  *) echo "in_root.sh: there is no device '$device'; allowed: lavapipe, amd:*, nvidia:*, adreno:*, apple:*, intel:*" >&2 && exit 2 ;;
esac

mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -t tmpfs tmpfs "$root/tmp"
for folder in "${folders[@]}"; do
  mkdir -p "$root$folder"
  mount --bind "$folder" "$root$folder"
done
# Not by exec: the first process of a namespace does not die of its own signals, so it should be this one.
chroot "$root" env -i -C "$repository" PATH="$dotnet:/usr/bin:/bin" HOME=/tmp DOTNET_ROOT="$dotnet" DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1 DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1 \
  MESA_SHADER_CACHE_DISABLE=true XCLR_CACHE=/tmp/xclr "${environment[@]}" "$@" && exit 0 || exit $?

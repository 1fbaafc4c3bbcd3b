#!/usr/bin/env bash
# make_root.sh          makes build/drivers/root, unless it is there: Debian sid with Mesa's Vulkan drivers, the shims that stand in for cards, the validation layer
#
# Exit code 0: the root is there and can be entered. 1: it cannot be made or entered here; build/drivers/missing says why.
# Packages come from the archive that this machine's own apt uses. Beside the root: mesa.version, root.log, and libintel_noop_drm_shim.so where it could be built.
set -euo pipefail
here=$(cd -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")" && pwd)
build=$(cd "$here/../.." && pwd)/build/drivers
# libjpeg is what the program's own image decoder needs, shaderc and glslc what compiles shaders while it runs.
packages="libvulkan1 mesa-vulkan-drivers mesa-drm-shim vulkan-validationlayers libjpeg62-turbo libshaderc1 glslc"

# refuse REASON [LOG]: ends this; apt's or debootstrap's own last error comes with it.
refuse() {
  local last=""
  [ ! -f "${2:-}" ] || last=" ($({ grep -E '^E:|rror' "$2" || cat "$2"; } | tail -n 1))"
  echo "the driver root: $1$last" | tee "$build/missing" >&2
  exit 1
}

. "$here/debian.sh"

make_root() {
  local log=$build/root.log
  rm -rf "$build/root.new"
  new_root sid "$build/root.new" "$log" || refuse "debootstrap failed" "$log"
  # shellcheck disable=SC2086 # A list of names.
  install_in "$build/root.new" $packages >>"$log" 2>&1 || refuse "its packages could not be installed" "$log"
  chroot "$build/root.new" dpkg-query -f '${Version}\n' -W mesa-vulkan-drivers >"$build/mesa.version"
  echo "$packages" >"$build/root.new/packages"
  rm -rf "$build/root"
  mv "$build/root.new" "$build/root"
}

mkdir -p "$build"
rm -f "$build/missing"
[ "$(id -u)" = 0 ] || refuse "only root can make or enter it"
# What debootstrap mounts is gone when this ends, however it ends.
if [ "${1:-}" != --inside ]; then
  unshare --mount true 2>"$build/enter.log" || refuse "nothing can be mounted here" "$build/enter.log"
  exec unshare --mount --propagation private -- "${BASH_SOURCE[0]}" --inside
fi
exec 7>"$build/.lock" && flock 7
if [ ! -f "$build/root/packages" ] || [ "$(<"$build/root/packages")" != "$packages" ]; then make_root; fi
# Without Intel's shim its devices are skipped by name, the others are not.
[ -f "$build/libintel_noop_drm_shim.so" ] || "$here/make_intel_shim.sh" "$build/libintel_noop_drm_shim.so" >"$build/intel.log" 2>&1 || echo "no shim for Intel: $(tail -n 1 "$build/intel.log")" >&2
"$here/in_root.sh" lavapipe true 2>"$build/enter.log" || refuse "it cannot be entered: $(tail -n 1 "$build/enter.log")"
rm -f "$build/missing"

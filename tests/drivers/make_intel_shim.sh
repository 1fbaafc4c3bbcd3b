#!/usr/bin/env bash
# make_intel_shim.sh OUT.so          builds Intel's drm-shim, which Debian does not package, from the source of Debian 13's Mesa; it serves newer drivers too
#
# The root it is built in lies beside OUT.so and is removed again. About three minutes on two cores.
set -euo pipefail
out=$(readlink -f -- "$1")
root=$(dirname "$out")/intel.root
. "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/debian.sh"

rm -rf "$root"
trap 'rm -rf "$root"' EXIT
new_root trixie "$root" /dev/stderr
sed 's/^deb /deb-src /' "$root/etc/apt/sources.list" >"$root/etc/apt/sources.list.d/source.list"
install_in "$root" gcc g++ libc6-dev meson ninja-build pkgconf python3-mako python3-yaml python3-packaging libdrm-dev libexpat1-dev zlib1g-dev libzstd-dev flex bison xz-utils dpkg-dev
chroot "$root" bash -ec '
  mkdir /src && cd /src
  apt-get source -qq --download-only mesa
  tar xf mesa_*.orig.tar.xz && cd mesa-*/
  meson setup build -Dbuildtype=release -Dtools=drm-shim,intel -Dplatforms= -Dglx=disabled -Degl=disabled -Dgbm=disabled -Dopengl=false -Dgles1=disabled -Dgles2=disabled \
    -Dgallium-drivers= -Dvulkan-drivers= -Dllvm=disabled -Dvideo-codecs= -Dvulkan-layers=
  ninja -C build src/intel/tools/libintel_noop_drm_shim.so
  cp build/src/intel/tools/libintel_noop_drm_shim.so /shim.so'
mv "$root/shim.so" "$out"

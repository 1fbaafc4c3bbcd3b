#!/usr/bin/env bash
# native/cross.sh linux-arm64|win-x64: builds the native library for another platform into build/cross/<platform>/native.
#
# libjpeg-turbo is built from Debian's source package and linked in, so the result needs nothing but the platform's C library. Debian packages: cmake make pkg-config glslc dpkg-dev,
# and g++-aarch64-linux-gnu (qemu-user runs the tests) or g++-mingw-w64-x86-64 (wine runs them).
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
platform=${1:-}
toolchain=$root/native/cross/$platform.cmake
if [ -z "$platform" ] || [ ! -f "$toolchain" ]; then
  echo "usage: native/cross.sh linux-arm64|win-x64" >&2
  exit 2
fi
. "$root/tests/drivers/debian.sh"
build=$root/build/cross/$platform
source=$root/build/cross/libjpeg-turbo

# The machine's own lists need not have sources: these lists are apart.
fetch_source() {
  local work suite apt
  work=$(mktemp -d)
  suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
  echo "deb-src $(archive) $suite main" >"$work/sources.list"
  mkdir -p "$work/lists/partial"
  apt=(apt-get -qq -o "Dir::Etc::SourceList=$work/sources.list" -o Dir::Etc::SourceParts=- -o "Dir::State::Lists=$work/lists" -o Acquire::Check-Valid-Until=false -o APT::Sandbox::User=root)
  (cd "$work" && "${apt[@]}" update && "${apt[@]}" source --download-only libjpeg-turbo)
  mkdir -p "$source"
  tar xf "$work"/libjpeg-turbo_*.orig.tar.* -C "$source" --strip-components=1
  rm -rf "$work"
}

[ -f "$source/CMakeLists.txt" ] || fetch_source
if [ ! -f "$build/jpeg/lib/pkgconfig/libjpeg.pc" ]; then
  cmake -S "$source" -B "$build/libjpeg" -DCMAKE_TOOLCHAIN_FILE="$toolchain" -DCMAKE_BUILD_TYPE=Release -DCMAKE_INSTALL_PREFIX="$build/jpeg" -DCMAKE_INSTALL_LIBDIR="$build/jpeg/lib" \
    -DENABLE_SHARED=OFF -DWITH_TURBOJPEG=OFF -DCMAKE_POSITION_INDEPENDENT_CODE=ON >"$build.log" 2>&1
  cmake --build "$build/libjpeg" --target install -j 2 >>"$build.log" 2>&1
fi
cd "$root"
cmake --preset "$platform"
cmake --build --preset "$platform" --target native xclr_image_test
emulator=qemu-aarch64
[ "$platform" = linux-arm64 ] || emulator=wine
if command -v "$emulator" >/dev/null; then
  ctest --test-dir "$build" --output-on-failure
else
  echo "built; its tests were not run: there is no $emulator here" >&2
fi

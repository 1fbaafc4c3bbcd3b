#!/usr/bin/env bash
# Configures and builds a CMake target incrementally: native/build.sh shaders|native. Called by MSBuild; safe to run twice at once.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
mkdir -p "$root/build"
exec 9>"$root/build/.cmake-lock"
if command -v flock >/dev/null; then flock 9; fi # macOS has none
# A configuration that failed, or that came here with a copy of another checkout, is made anew.
origin=$root/build/.cmake-root
if [ -f "$origin" ] && [ "$(<"$origin")" != "$root" ]; then rm -rf "$root"/build/{CMakeCache.txt,CMakeFiles,cmake_install.cmake}; fi
printf '%s\n' "$root" >"$origin"
[ -f "$root/build/cmake_install.cmake" ] || cmake -S "$root" -B "$root/build" -DCMAKE_BUILD_TYPE=Release >"$root/build/configure.log" 2>&1 ||
  { cat "$root/build/configure.log" >&2; exit 1; }
log=$(cmake --build "$root/build" --target "$1" -j "$(getconf _NPROCESSORS_ONLN)" 2>&1) || { printf '%s\n' "$log" >&2; exit 1; }

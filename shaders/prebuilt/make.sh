#!/usr/bin/env bash
# Compiles the shaders that Debian 12's glslc cannot (cooperative matrices) into prebuilt/<family>/<name>.spv, and writes SHA256SUMS: the hashes of their sources,
# includes and all, and of the results. A test fails where a hash is not that of the file. Run it after each change of such a shader.
# usage: shaders/prebuilt/make.sh [ROOT]     ROOT: a Debian root (13 or later, made by debootstrap) with the package glslc; without it: this machine's glslc
set -euo pipefail
root=${1:-}
shaders=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d ${root:+-p "$root/tmp"})
trap 'rm -rf "$work"' EXIT
cp -r "$shaders"/*/ "$work"
run() { if [ -n "$root" ]; then chroot "$root" bash -c 'cd "$0" && "$@"' "${work#"$root"}" "$@"; else (cd "$work" && "$@"); fi; }
flags=(--target-env=vulkan1.2 -O -Werror -I common)

cd "$shaders"
files=()
while read -r source; do
  target=prebuilt/${source%.comp}.spv
  run glslc "${flags[@]}" -o result.spv "$source"
  mkdir -p "$(dirname "$target")"
  cp "$work/result.spv" "$target"
  # "target: source include include ..."
  read -r -a inputs < <(run glslc "${flags[@]}" -M "$source" | cut -d: -f2)
  files+=("${inputs[@]}" "$target")
done < <(grep -rl --include=*.comp GL_KHR_cooperative_matrix . | sed 's|^\./||' | sort)
printf '%s\n' "${files[@]}" | sort -u | xargs sha256sum >prebuilt/SHA256SUMS
cat prebuilt/SHA256SUMS

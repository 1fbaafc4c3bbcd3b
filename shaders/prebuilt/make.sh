#!/usr/bin/env bash
# Compiles the shaders that older glslc cannot (cooperative matrices, bfloat16) into prebuilt/<family>/<name>.spv, and writes SHA256SUMS: the hashes of their sources,
# includes and all, and of the results. A test fails where a hash is not that of the file. Run it after each change of such a shader.
# usage: shaders/prebuilt/make.sh [ROOT]     ROOT: the absolute path of a Debian root (sid, made by debootstrap) with the package glslc; without it: this machine's glslc
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
# compile SOURCE NAME FLAGS...
compile() {
  local source=$1 target=prebuilt/$2.spv inputs
  shift 2
  run glslc "${flags[@]}" "$@" -o result.spv "$source"
  mkdir -p "$(dirname "$target")"
  cp "$work/result.spv" "$target"
  # "target: source include include ..."
  read -r -a inputs < <(run glslc "${flags[@]}" "$@" -M "$source" | cut -d: -f2)
  files+=("${inputs[@]}" "$target")
}
while read -r source; do
  compile "$source" "${source%.comp}"
  compile "$source" "${source%.comp}_bf16" -DBF16
done < <(find . -name '*_coopmat.comp' | sed 's|^\./||' | sort)
printf '%s\n' "${files[@]}" | sort -u | xargs sha256sum >prebuilt/SHA256SUMS
cat prebuilt/SHA256SUMS

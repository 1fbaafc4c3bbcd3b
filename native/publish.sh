# Sourced by ./xclr, whose names it uses: publish.

# publish [RID]        the command line as one file that carries .NET and all it needs, in build/publish/RID
# publish --library    libxclr.so and what it loads, in build/plugin (docs/plugin.md)
#
# RID: linux-x64, linux-arm64, win-x64, osx-arm64, ...; this machine's where none is named. Another platform's image decoder comes from native/cross.sh. Sizes are printed.
publish() {
  local machine options=(-c Release -nologo -v quiet -nodeReuse:false -p:UseSharedCompilation=false)
  machine=$(machine_rid)
  mkdir -p "$build"
  case ${1:-} in -h | --help) sed -n '3,6s/^# *//p' "$root/native/publish.sh"; return ;; esac
  if [ "${1:-}" = --library ]; then
    publish_to "$build/plugin" src/XClr.Plugin "${options[@]}" -r "$machine"
    return
  fi
  local rid=${1:-$machine}
  if [ "$rid" != "$machine" ]; then
    exists "$build/cross/$rid"/native/*xclr_native.* || { say "there is no image decoder for $rid; make it first: native/cross.sh $rid (it knows linux-arm64 and win-x64)"; exit 2; }
    # Folders of its own: another platform's parts must not come among the usual build's.
    options+=("-p:NativePlatform=$rid" --artifacts-path "$build/cross/$rid/managed")
  fi
  rm -rf "$build/publish/$rid"
  publish_to "$build/publish/$rid" src/XClr.Cli "${options[@]}" -r "$rid" --self-contained -p:PublishSingleFile=true -p:IncludeAllContentForSelfExtract=true -p:EnableCompressionInSingleFile=true
}

# publish_to FOLDER PROJECT OPTIONS...
publish_to() {
  local log=$build/publish.log
  (cd "$root" && flock 8 && dotnet publish "${@:2}" -o "$1") >"$log" 2>&1 8>"$build/.xclr-lock" || { cat "$log" >&2; say "publishing failed"; exit 1; }
  rm -f "$1"/*.pdb "$1"/*.xml
  (cd "$1" && find . -type f ! -name '*.dbg' -printf '%s %P\n' | sort -rn | awk -v folder="$1" '{ printf "%8.1f MB  %s/%s\n", $1 / 1e6, folder, $2 }')
}

# This machine's runtime identifier.
machine_rid() {
  local system=linux processor=x64
  [ "$(uname -s)" != Darwin ] || system=osx
  case $(uname -m) in aarch64 | arm64) processor=arm64 ;; esac
  echo "$system-$processor"
}

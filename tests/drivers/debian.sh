# Sourced: Debian roots from the archive that this machine's own apt uses.

# The URI of Debian's main archive, as apt has it. Without package lists apt does not know whose archives its sources are.
archive() {
  local format='$(REPO_URI) $(LABEL)' uri
  uri=$(apt-get indextargets --format "$format" 'Created-By: Packages' | sed -n 's/ Debian$//p' | sort -u | head -n 1)
  if [ -z "$uri" ]; then
    apt-get -o DPkg::Lock::Timeout=300 update >&2
    uri=$(apt-get indextargets --format "$format" 'Created-By: Packages' | sed -n 's/ Debian$//p' | sort -u | head -n 1)
  fi
  [ -n "$uri" ] || { echo "E: no archive labelled Debian among apt's sources" >&2; return 1; }
  echo "$uri"
}

require_debootstrap() {
  command -v debootstrap >/dev/null && return
  local install=(apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends debootstrap)
  export DEBIAN_FRONTEND=noninteractive
  "${install[@]}" || { apt-get -o DPkg::Lock::Timeout=300 update && "${install[@]}"; }
}

# new_root SUITE FOLDER LOG: a minimal Debian.
new_root() {
  local uri
  { require_debootstrap && uri=$(archive) && debootstrap --variant=minbase "$1" "$2" "$uri"; } >"$3" 2>&1
}

# install_in FOLDER PACKAGE...: the archive may be a snapshot, whose lists are older than apt likes.
install_in() {
  local folder=$1
  shift
  chroot "$folder" apt-get -o Acquire::Check-Valid-Until=false update -qq &&
    DEBIAN_FRONTEND=noninteractive chroot "$folder" apt-get install -y -qq --no-install-recommends "$@" &&
    chroot "$folder" apt-get clean
}
